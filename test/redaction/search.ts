/** Finds secrets in what was captured: whole, in part, URL-encoded, and in base64 at any offset. */

/** Something nobody but its holder may see. */
export interface Secret {
  /** What it is, for messages: these never show the value. */
  readonly kind: string;
  readonly value: string;
  /** Parts of the value that everybody may know, by offsets into it: an address inside a link, for example. */
  readonly open?: readonly (readonly [from: number, to: number])[];
}

/** What one place of the demo showed. */
export interface Capture {
  readonly kind: string;
  /** Which process, page or key it is from. */
  readonly where: string;
  readonly text: string;
}

/** A secret that was found, told without showing it. */
export interface Leak {
  readonly secret: string;
  readonly capture: string;
  readonly where: string;
  /** How it was written there. */
  readonly form: string;
  /** Where in the text, after what `view` undid. */
  readonly offset: number;
  readonly length: number;
  readonly view: string;
}

/** So many characters in a row are no coincidence. */
const least = 24;
/** Any `least` characters in a row hold one whole block of this size, when a block starts at every `stride`. */
const block = 12;
const stride = least - block + 1;

interface Form {
  readonly secret: Secret;
  readonly name: string;
  readonly text: string;
  readonly open: readonly (readonly [number, number])[];
}

/** Finds every place where at least 24 characters of a secret stand, or all of a shorter one. */
export function searchFor(secrets: readonly Secret[]): (captures: readonly Capture[]) => Leak[] {
  const forms = secrets.flatMap(formsOf);
  const index = indexOf(forms.filter(({ text }) => text.length >= least));
  const short = forms.filter(({ text }) => text.length < least);
  return (captures) => findLeaks(index, short, captures);
}

function findLeaks(index: Index, short: readonly Form[], captures: readonly Capture[]): Leak[] {
  const found = new Map<string, Leak>();
  for (const capture of captures) {
    for (const [view, text] of viewsOf(capture.text)) {
      const note = (form: Form, offset: number, length: number): void => {
        const leak = {
          secret: form.secret.kind,
          capture: capture.kind,
          where: capture.where,
          form: form.name,
          offset,
          length,
          view,
        };
        // One line for each thing found at a place, however many pieces of it there are.
        const key = [leak.secret, leak.capture, leak.where, leak.form].join("\n");
        if ((found.get(key)?.length ?? 0) < length) found.set(key, leak);
      };
      slide(index, text, note);
      for (const form of short) {
        const at = text.indexOf(form.text);
        if (at >= 0) note(form, at, form.text.length);
      }
    }
  }
  return [...found.values()];
}

/** One line, without the secret. */
export function describeLeak({ secret, capture, where, form, offset, length, view }: Leak): string {
  return `${secret} (${form}) in ${capture} of ${where}: ${length} characters at offset ${offset} of the ${view} text`;
}

function formsOf(secret: Secret): Form[] {
  const { value, open = [] } = secret;
  const plain = { secret, name: "plain", text: sameAlphabet(value), open };
  if (value.length < 8) return [plain];
  return [plain, ...[0, 1, 2].map((before) => base64Of(secret, before))];
}

/** The characters that are the same whatever stands before and after the secret in the encoded bytes. */
function base64Of(secret: Secret, before: number): Form {
  const bytes = Buffer.from("\0".repeat(before) + secret.value);
  const encoded = bytes.toString("base64url");
  const first = before === 0 ? 0 : before + 1;
  const last = Math.floor((bytes.length * 8) / 6);
  const place = (at: number): number => Math.floor(((at + before) * 8) / 6) - first;
  const open = (secret.open ?? []).map(([from, to]) => [place(from), place(to) + 1] as const);
  return { secret, name: `base64, shifted by ${before}`, text: encoded.slice(first, last), open };
}

/** base64 and base64url differ in two characters. Both sides are written in the second alphabet. */
function sameAlphabet(text: string): string {
  return text.replaceAll("+", "-").replaceAll("/", "_");
}

const undo: readonly (readonly [string, (text: string) => string])[] = [
  ["URL-decoded", decodedUrl],
  ["URL-decoded twice", (text) => decodedUrl(decodedUrl(text))],
  [
    "HTML-decoded",
    (text) =>
      text
        .replace(/&#(?:x([0-9a-f]+)|(\d+));/gi, (_, hex: string | undefined, decimal: string | undefined) =>
          String.fromCharCode(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)),
        )
        .replaceAll("&quot;", '"')
        .replaceAll("&lt;", "<")
        .replaceAll("&gt;", ">")
        .replaceAll("&amp;", "&"),
  ],
  [
    "JSON-decoded",
    (text) =>
      text
        .replace(/\\u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
        .replace(/\\n/g, "\n")
        .replace(/\\(["\\/])/g, "$1"),
  ],
];

/** The text as it is, and as it is without one encoding around it. */
function viewsOf(text: string): readonly (readonly [string, string])[] {
  const views = new Map([[sameAlphabet(text), "plain"]]);
  for (const [name, decode] of undo) {
    const decoded = sameAlphabet(decode(text));
    if (!views.has(decoded)) views.set(decoded, name);
  }
  return [...views].map(([decoded, name]) => [name, decoded]);
}

/** `decodeURIComponent` for texts that are more than one encoded value: what is not encoded stays. */
function decodedUrl(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll("%", ""), "hex").toString("utf8"),
  );
}

interface Index {
  /** The blocks of all forms, with where they are from. */
  readonly blocks: ReadonlyMap<string, readonly (readonly [Form, number])[]>;
  /** Which rolling hashes there are: most texts are told from it that they hold no block. */
  readonly hashes: Uint8Array;
}

const hashBits = 20;
const base = 16_777_619;
/** What the character that leaves the block had become. */
const leaving = Array.from({ length: block - 1 }).reduce<number>((power) => Math.imul(power, base), 1);

function indexOf(forms: readonly Form[]): Index {
  const blocks = new Map<string, [Form, number][]>();
  const hashes = new Uint8Array(1 << hashBits);
  for (const form of forms) {
    for (let at = 0; at + block <= form.text.length; at += stride) {
      const piece = form.text.slice(at, at + block);
      const known = blocks.get(piece) ?? [];
      known.push([form, at]);
      blocks.set(piece, known);
      let hash = 0;
      for (let n = 0; n < block; n += 1) hash = rolled(hash, piece.charCodeAt(n));
      hashes[hash >>> (32 - hashBits)] = 1;
    }
  }
  return { blocks, hashes };
}

function rolled(hash: number, code: number): number {
  return (Math.imul(hash, base) + code + 1) | 0;
}

function slide(
  { blocks, hashes }: Index,
  text: string,
  note: (form: Form, offset: number, length: number) => void,
): void {
  let hash = 0;
  for (let end = 0; end < text.length; end += 1) {
    const start = end - block + 1;
    if (start > 0) hash = (hash - Math.imul(text.charCodeAt(start - 1) + 1, leaving)) | 0;
    hash = rolled(hash, text.charCodeAt(end));
    if (start < 0 || hashes[hash >>> (32 - hashBits)] !== 1) continue;
    for (const [form, at] of blocks.get(text.slice(start, end + 1)) ?? []) {
      const [from, length] = grown(form.text, at, text, start);
      const open = form.open.some(([first, last]) => from >= first && from + length <= last);
      if (length >= least && !open) note(form, start - (at - from), length);
    }
  }
}

/** How far two texts are the same around a place that is. */
function grown(
  one: string,
  at: number,
  other: string,
  start: number,
): readonly [from: number, length: number] {
  let before = 0;
  while (before < Math.min(at, start) && one[at - before - 1] === other[start - before - 1]) before += 1;
  let after = block;
  while (at + after < one.length && start + after < other.length && one[at + after] === other[start + after])
    after += 1;
  return [at - before, before + after];
}
