import type { Mutant } from "./mutant.js";
import { compactFragment, syntaxError, type Source } from "./source-tree.js";

/** The one place that a mutant changes. */
export interface Anchor {
  /** The file, absolute. */
  readonly path: string;
  /** The whole file without the guard. */
  readonly patched: string;
}

type Patch = Pick<Mutant, "find" | "in" | "replace">;

/** A match in a source, as offsets into its text. */
interface Place {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

/** Finds the guard in the tree, or says why it cannot be told. */
export function anchorOf(patch: Patch, sources: readonly Source[]): Anchor | { readonly stale: string } {
  const wanted = compactFragment(patch.find);
  if (wanted === "") return { stale: "its text is empty" };
  const places = sources.flatMap((source) => placesOf(wanted, source));
  const meant = places.filter((place) => patch.in === undefined || around(place).includes(patch.in));
  const [place, another] = meant;
  if (place === undefined) return { stale: missing(patch, wanted, places, sources) };
  if (another !== undefined) return { stale: ambiguous(patch, meant) };
  const { text, path } = place.source;
  const patched = text.slice(0, place.start) + patch.replace + text.slice(place.end);
  const error = syntaxError(patched);
  return error === undefined
    ? { path, patched }
    : { stale: `without the guard, ${named(place)} does not parse: ${error}` };
}

function placesOf(wanted: string, source: Source): Place[] {
  const places: Place[] = [];
  const { text } = source.code;
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) {
    places.push(placeAt(source, at, wanted.length));
  }
  return places;
}

function placeAt(source: Source, at: number, length: number): Place {
  const { offsets } = source.code;
  return { source, start: offsets[at] as number, end: (offsets[at + length - 1] as number) + 1 };
}

/** The innermost declaration first. */
function around({ source, start, end }: Place): string[] {
  return source.declarations.filter((one) => one.start <= start && end <= one.end).map(({ name }) => name);
}

function named(place: Place): string {
  const { text, path } = place.source;
  const line = text.slice(0, place.start).split("\n").length;
  const [name] = around(place);
  return `${path}:${line}${name === undefined ? "" : ` in ${name}`}`;
}

function ambiguous(patch: Patch, places: readonly Place[]): string {
  const where = patch.in === undefined ? "" : ` in ${patch.in}`;
  return `its text stands ${places.length} times${where}: ${places.map(named).join(", ")}. Say which with \`in\`, or take more of the text`;
}

function missing(
  patch: Patch,
  wanted: string,
  elsewhere: readonly Place[],
  sources: readonly Source[],
): string {
  if (elsewhere.length > 0) {
    return `its text does not stand in ${patch.in}, but at ${elsewhere.map(named).join(", ")}. Correct \`in\`, or leave it out if the text stands once`;
  }
  const near = nearest(wanted, sources);
  if (near === undefined) return "its text stands nowhere, nor anything like it";
  return `its text stands nowhere. The nearest is ${named(near)}: ${linesOf(near)}`;
}

/** Whole lines, in one. */
function linesOf({ source: { text }, start, end }: Place): string {
  const next = text.indexOf("\n", end);
  return text
    .slice(text.lastIndexOf("\n", start) + 1, next < 0 ? text.length : next)
    .trim()
    .replaceAll(/\s+/g, " ");
}

/** The longest beginning or end of the text that stands somewhere. */
function nearest(wanted: string, sources: readonly Source[]): Place | undefined {
  let best: { readonly length: number; readonly place: Place } | undefined;
  for (const source of sources) {
    const { text } = source.code;
    const head = longest(wanted.length, (length) => text.includes(wanted.slice(0, length)));
    const tail = longest(wanted.length, (length) => text.includes(wanted.slice(-length)));
    const length = Math.max(head, tail);
    if (length < Math.min(8, wanted.length) || length <= (best?.length ?? 0)) continue;
    const part = head >= tail ? wanted.slice(0, head) : wanted.slice(-tail);
    best = { length, place: placeAt(source, text.indexOf(part), length) };
  }
  return best?.place;
}

/** The longest length that fits, where all shorter ones do. */
function longest(max: number, fits: (length: number) => boolean): number {
  let low = 0;
  let high = max;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
