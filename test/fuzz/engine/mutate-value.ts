import { character, maxLength, mutatedText, type Material } from "./mutate-text.js";
import type { Random } from "./random.js";

/** A JSON value with one thing changed. What is given stays as it is. */
export function mutatedValue(root: unknown, material: Material, otherValue: () => unknown): unknown {
  const { random } = material;
  const paths = pathsIn(root);
  // Texts are where parsers are: they are chosen more often than what holds them.
  const texts = paths.filter((path) => typeof at(root, path) === "string");
  const path = texts.length > 0 && !random.oneIn(3) ? random.pick(texts) : random.pick(paths);
  return changed(root, path, (value) => {
    if (typeof value === "string")
      return random.oneIn(10) ? odd(random, material.words) : mutatedText(value, material);
    if (random.oneIn(4)) return random.oneIn(2) ? odd(random, material.words) : otherValue();
    if (Array.isArray(value)) return changedList(value, material, otherValue);
    if (typeof value === "object" && value !== null) return changedObject(value, material, otherValue);
    return odd(random, material.words);
  });
}

type Path = readonly string[];
const maxPaths = 300;
const maxDepth = 40;

/** The ways to every value in a value, the value itself first. */
function pathsIn(root: unknown): Path[] {
  const paths: Path[] = [[]];
  for (let next = 0; next < paths.length && paths.length < maxPaths; next += 1) {
    const path = paths[next] as Path;
    const value = at(root, path);
    if (typeof value !== "object" || value === null || path.length >= maxDepth) continue;
    for (const key of Object.keys(value).slice(0, 64)) paths.push([...path, key]);
  }
  return paths;
}

function at(root: unknown, path: Path): unknown {
  let value = root;
  for (const key of path) value = (value as Record<string, unknown>)[key];
  return value;
}

function changed(value: unknown, path: Path, change: (value: unknown) => unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return change(value);
  if (Array.isArray(value))
    return value.map((one, index) => (String(index) === key ? changed(one, rest, change) : one));
  const entries = Object.entries(value as object);
  return fromEntries(entries.map(([name, one]) => [name, name === key ? changed(one, rest, change) : one]));
}

function changedList(
  list: readonly unknown[],
  { random, words }: Material,
  otherValue: () => unknown,
): unknown {
  const next = [...list];
  const where = random.below(next.length + 1);
  const one = next[where];
  switch (random.below(8)) {
    case 0:
    case 1:
      next.splice(where, 1);
      break;
    case 2:
      next.splice(where, 0, one);
      break;
    case 3:
      if (random.oneIn(4))
        return Array.from({ length: Math.min(2 ** random.below(11), roomFor(one)) }, () => one);
      break;
    default:
      next.splice(where, 0, random.oneIn(2) ? odd(random, words) : otherValue());
  }
  return next;
}

/** How often a value may come without making an input endless. */
function roomFor(value: unknown): number {
  return 1 + Math.floor(maxLength / ((JSON.stringify(value) ?? "").length + 1));
}

function changedObject(value: object, material: Material, otherValue: () => unknown): unknown {
  const { random, words } = material;
  const entries = Object.entries(value);
  const where = random.below(entries.length + 1);
  const [name = "", one] = entries[where] ?? [];
  const word = random.pick(words);
  switch (random.below(8)) {
    case 0:
    case 1:
      entries.splice(where, 1);
      break;
    case 2:
      entries.splice(where, 1, [random.oneIn(4) ? name + character(random) : word, one]);
      break;
    case 3:
      return nested(random, value);
    case 4:
      return { [word]: value };
    default:
      entries.push([word, random.oneIn(2) ? odd(random, words) : otherValue()]);
  }
  return fromEntries(entries);
}

/** As `JSON.parse` makes objects: `__proto__` is a name like any other. */
function fromEntries(entries: readonly (readonly [string, unknown])[]): object {
  return Object.fromEntries(entries);
}

function nested(random: Random, value: unknown): unknown {
  const depth = 2 ** random.below(random.oneIn(8) ? 12 : 5);
  const name = random.oneIn(2) ? "cause" : "error";
  let whole = value;
  for (let level = 0; level < depth; level += 1) whole = level % 2 === 0 ? { [name]: whole } : [whole];
  return whole;
}

/** A value of a type that nobody expects there. */
function odd(random: Random, words: readonly string[]): unknown {
  return random.oneIn(3) ? random.pick(words) : structuredClone(random.pick(odds));
}

const odds: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  1,
  2,
  3,
  1.5,
  1e15,
  1e308,
  -1e308,
  9007199254740991,
  2 ** 53 + 2,
  4294967296,
  "",
  " ",
  "0",
  "1",
  "\u0000",
  "\ud800",
  [],
  [[]],
  [null],
  {},
  { "": "" },
  // Made text of, these throw.
  { toString: 1, valueOf: 1 },
  { toString: null },
  { toJSON: 1 },
  { length: -1 },
  { constructor: 1 },
  JSON.parse('{"__proto__":{"polluted":1}}'),
  JSON.parse('{"__proto__":null}'),
];
