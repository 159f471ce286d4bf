/**
 * How deep and how large JSON from outside may be. A request with a long history is far below both limits. 4 MiB of
 * brackets cost nothing to send and are far above them. They would end the process as soon as it serializes them:
 * `JSON.stringify` is recursive.
 */
export const jsonLimits = { depth: 100, values: 50_000 } as const;

/** The limit that a JSON text exceeds. */
export type JsonExcess = keyof typeof jsonLimits;

/**
 * `JSON.parse` for text from outside. The limits are checked first, so nothing is built from a text that exceeds
 * them. Throws a `RangeError` for such a text, and what `JSON.parse` throws. The caller must bound the length.
 */
export function parseJson(json: string | Uint8Array): unknown {
  const bytes = typeof json === "string" ? Buffer.from(json) : json;
  const excess = isSurelySmall(bytes) ? undefined : excessInText(bytes);
  if (excess !== undefined) throw new RangeError(`JSON with more than ${excessText(excess)}.`);
  return JSON.parse(typeof json === "string" ? json : textOf(bytes));
}

/** The text of bytes, without a copy of them. */
function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("utf8");
}

/**
 * Whether a text is within both limits by what is found natively: each value needs a byte of its own, each level of
 * nesting an opening bracket, which may also be part of a string. `false` decides nothing.
 */
function isSurelySmall(bytes: Uint8Array): boolean {
  if (bytes.length >= jsonLimits.values) return false;
  let brackets = 0;
  for (const bracket of [openBrace, openBracket])
    for (let at = bytes.indexOf(bracket); at !== -1; at = bytes.indexOf(bracket, at + 1)) {
      brackets += 1;
      if (brackets > jsonLimits.depth) return false;
    }
  return true;
}

/** A limit in words. */
export function excessText(excess: JsonExcess): string {
  return `${jsonLimits[excess]} ${excess === "depth" ? "levels of nesting" : "values"}`;
}

/**
 * The limit that a JSON text exceeds, read from its bytes before anything is built from them. One pass, no
 * recursion. Whether the text is JSON at all is left to the parser.
 */
export function excessInText(bytes: Uint8Array): JsonExcess | undefined {
  const { depth: most, values: mostValues } = jsonLimits;
  let depth = 0;
  let values = 1;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number;
    // Most bytes outside strings are digits.
    if (byte > comma && byte < openBracket) continue;
    if (byte === comma) values += 1;
    else if (byte === quote) at = endOfText(bytes, at);
    // `true`, `null` and `false`, which the parser reads quickly. Anything else with these letters makes it throw here.
    else if (byte === letterT || byte === letterN) at += 3;
    else if (byte === letterF) at += 4;
    else if (byte <= 0x20) at = afterSpace(bytes, at) - 1;
    else if (byte === closeBrace || byte === closeBracket) depth -= 1;
    else if (byte === openBrace || byte === openBracket) {
      depth += 1;
      if (depth > most) return "depth";
      const first = afterSpace(bytes, at + 1);
      if (bytes[first] !== closeBrace && bytes[first] !== closeBracket) values += 1;
      at = first - 1;
    }
    if (values > mostValues) return "values";
  }
  return undefined;
}

/** The limit that an already parsed value exceeds. Stops at the limit, and does not recurse. */
export function excessInValue(value: unknown): JsonExcess | undefined {
  let values = 1;
  let level: unknown[] = [value];
  for (let depth = 0; ; depth += 1) {
    const containers = level.filter((one) => typeof one === "object" && one !== null) as object[];
    if (containers.length === 0) return undefined;
    if (depth === jsonLimits.depth) return "depth";
    const next: unknown[] = [];
    for (const container of containers) {
      for (const one of Object.values(container)) {
        values += 1;
        if (values > jsonLimits.values) return "values";
        next.push(one);
      }
    }
    level = next;
  }
}

const letterF = 0x66;
const letterN = 0x6e;
const letterT = 0x74;
const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/**
 * Where the string that begins at `start` ends. A long one is searched natively. After a quote that turns out to be
 * escaped, the loop goes on: a native search for every second byte would cost more than the parser.
 */
function endOfText(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  for (;;) {
    for (const end = Math.min(at + 64, bytes.length); at < end; at += 1) {
      const byte = bytes[at];
      if (byte === quote) return at;
      if (byte === backslash) at += 1;
    }
    const found = bytes.indexOf(quote, at);
    if (found === -1) return bytes.length;
    let escapes = found;
    while (escapes > at && bytes[escapes - 1] === backslash) escapes -= 1;
    if ((found - escapes) % 2 === 0) return found;
    at = found + 1;
  }
}

/**
 * Where the white space that begins at `start` ends. A long run is read four bytes at a time: nothing else in JSON
 * costs the parser so little. Control characters that are not white space in JSON are left to the parser.
 */
function afterSpace(bytes: Uint8Array, start: number): number {
  let at = start;
  for (const near = Math.min(start + 16, bytes.length); at < near; at += 1)
    if ((bytes[at] as number) > 0x20) return at;
  const { buffer, byteOffset } = bytes;
  while ((byteOffset + at) % 4 !== 0 && at < bytes.length && (bytes[at] as number) <= 0x20) at += 1;
  if ((byteOffset + at) % 4 === 0 && bytes.length - at >= 4) {
    const words = new Int32Array(buffer, byteOffset + at, (bytes.length - at) >> 2);
    let word = 0;
    while (word < words.length && isSpace(words[word] as number)) word += 1;
    at += word * 4;
  }
  while (at < bytes.length && (bytes[at] as number) <= 0x20) at += 1;
  return at;
}

/** Whether none of the four bytes is above a space: such a byte carries into its top bit. */
function isSpace(word: number): boolean {
  return ((word | ((word & 0x7f7f7f7f) + 0x5f5f5f5f)) & 0x80808080) === 0;
}

/** The text of a body of at most `maxBytes` bytes; `undefined` for a longer one, which is not read to its end. */
export async function boundedText(
  message: Pick<Request | Response, "body">,
  maxBytes: number,
): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of message.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
