import type { Random } from "./random.js";

/** What mutations are made with. */
export interface Material {
  readonly random: Random;
  /** Words of the format, of the parser's source, and the ones that break things. */
  readonly words: readonly string[];
  /** A text out of another input. */
  other(): string;
  /** Changes a JSON value: for texts that hold JSON. */
  value(value: unknown): unknown;
}

/** No input is longer, in characters. */
export const maxLength = 65_536;

/** A text with one thing changed; texts inside it that are encoded are opened, changed and closed again. */
export function mutatedText(text: string, material: Material): string {
  const { random } = material;
  const inside = random.oneIn(2) ? changedInside(text, material) : undefined;
  const changed = inside ?? random.pick(operators)(text, material);
  return changed.length > maxLength ? changed.slice(0, maxLength) : changed;
}

type Operator = (text: string, material: Material) => string;

const operators: readonly Operator[] = [
  insertWord,
  insertWord,
  insertWord,
  replaceByWord,
  replaceByWord,
  insertCharacter,
  changeCharacter,
  flipBit,
  deleteRange,
  deleteRange,
  repeatRange,
  swapRanges,
  splice,
  changeNumber,
  changeCase,
  cut,
  dropOrDoublePart,
  dropOrDoublePart,
  grow,
];

function insertWord(text: string, { random, words }: Material): string {
  const at = random.below(text.length + 1);
  return text.slice(0, at) + random.pick(words) + text.slice(at);
}

function replaceByWord(text: string, { random, words }: Material): string {
  if (random.oneIn(8)) return random.pick(words);
  const [from, to] = range(text, random, 24);
  return text.slice(0, from) + random.pick(words) + text.slice(to);
}

function insertCharacter(text: string, { random }: Material): string {
  const at = random.below(text.length + 1);
  return text.slice(0, at) + character(random) + text.slice(at);
}

function changeCharacter(text: string, { random }: Material): string {
  const at = random.below(text.length + 1);
  return text.slice(0, at) + character(random) + text.slice(at + 1);
}

function flipBit(text: string, { random }: Material): string {
  if (text === "") return character(random);
  const at = random.below(text.length);
  const flipped = String.fromCharCode(text.charCodeAt(at) ^ (1 << random.below(random.oneIn(8) ? 16 : 7)));
  return text.slice(0, at) + flipped + text.slice(at + 1);
}

function deleteRange(text: string, { random }: Material): string {
  const [from, to] = range(text, random, 32);
  return text.slice(0, from) + text.slice(to);
}

function repeatRange(text: string, { random }: Material): string {
  const [from, to] = range(text, random, 32);
  return text.slice(0, to) + text.slice(from, to).repeat(1 + random.below(4)) + text.slice(to);
}

function swapRanges(text: string, { random }: Material): string {
  const [from, to] = range(text, random, 32);
  const rest = text.slice(0, from) + text.slice(to);
  const at = random.below(rest.length + 1);
  return rest.slice(0, at) + text.slice(from, to) + rest.slice(at);
}

function splice(text: string, { random, other }: Material): string {
  const second = other();
  return text.slice(0, random.below(text.length + 1)) + second.slice(random.below(second.length + 1));
}

function changeNumber(text: string, { random }: Material): string {
  const numbers = [...text.matchAll(/-?\d+/g)];
  if (numbers.length === 0) return text + random.pick(numbersToTry);
  const { 0: number, index } = random.pick(numbers);
  const next = random.oneIn(2) ? String(Number(number) + random.below(9) - 4) : random.pick(numbersToTry);
  return text.slice(0, index) + next + text.slice(index + number.length);
}

function changeCase(text: string, { random }: Material): string {
  const [from, to] = range(text, random, 16);
  const part = text.slice(from, to);
  return text.slice(0, from) + (random.oneIn(2) ? part.toUpperCase() : part.toLowerCase()) + text.slice(to);
}

function cut(text: string, { random }: Material): string {
  const at = random.below(text.length + 1);
  return random.oneIn(2) ? text.slice(0, at) : text.slice(at);
}

/** Drops, doubles or moves one of the parts that a separator makes: parameters, segments, fields, lines. */
function dropOrDoublePart(text: string, { random }: Material): string {
  const separator = random.pick([",", " ", "&", ".", ";", "/", "\n", "=", ":", '"', "-", "\n\n"]);
  const parts = text.split(separator);
  if (parts.length < 2) return text + separator + text.slice(0, 200);
  const at = random.below(parts.length);
  const part = parts[at] ?? "";
  if (random.oneIn(3)) parts.splice(at, 1);
  else parts.splice(random.oneIn(2) ? at : random.below(parts.length), 0, part);
  return parts.join(separator);
}

/** A short piece many times: what takes more than linear time shows here. */
function grow(text: string, { random, words }: Material): string {
  if (!random.oneIn(6)) return text + character(random);
  const [from, to] = range(text, random, 6);
  const piece = random.oneIn(2) ? random.pick(words).slice(0, 12) : text.slice(from, to);
  const two = random.oneIn(3) ? piece + character(random) : piece;
  const length = 2 ** (8 + random.below(9));
  const grown = (two === "" ? character(random) : two)
    .repeat(Math.ceil(length / Math.max(1, two.length)))
    .slice(0, length);
  return text.slice(0, to) + grown + text.slice(to);
}

/** Changes what is inside an encoded text; `undefined` where there is nothing of the kind. */
function changedInside(text: string, material: Material): string | undefined {
  const { random } = material;
  if (text.length > 20_000) return undefined;
  const json = jsonIn(text);
  if (json !== undefined)
    return text.slice(0, json.from) + printed(material.value(json.value)) + text.slice(json.to);
  const jwt = /^([^.\s]*)\.([^.\s]*)\.([^.\s]*)$/.exec(text);
  if (jwt !== null && text.length > 20) {
    const parts = jwt.slice(1, 4);
    const at = random.below(3);
    const part = parts[at] ?? "";
    parts[at] = encoded(part, (inner) => mutatedText(inner, material));
    return parts.join(".");
  }
  const tokens = [...text.slice(0, 8_192).matchAll(/[A-Za-z0-9_-]{12,}(?:\.[A-Za-z0-9_-]*){0,2}={0,2}/g)];
  if (tokens.length > 0 && random.oneIn(3)) {
    const { 0: found, index } = random.pick(tokens);
    const changed =
      found.includes(".") && !random.oneIn(3)
        ? mutatedText(found, material)
        : encoded(found, (inner) => mutatedText(inner, material));
    return text.slice(0, index) + changed + text.slice(index + found.length);
  }
  const equals = text.indexOf("=", random.below(text.length + 1));
  const from = (equals < 0 ? text.indexOf("=") : equals) + 1;
  if (from > 0) {
    const length = text.slice(from).search(/[&#\s]|$/);
    const changed = mutatedText(unescaped(text.slice(from, from + length)), material);
    return text.slice(0, from) + (random.oneIn(4) ? changed : escaped(changed)) + text.slice(from + length);
  }
  return undefined;
}

function jsonIn(
  text: string,
): { readonly from: number; readonly to: number; readonly value: unknown } | undefined {
  const from = text.search(/[[{]/);
  const to = Math.max(text.lastIndexOf("}"), text.lastIndexOf("]")) + 1;
  if (from < 0 || to <= from) return undefined;
  try {
    return { from, to, value: JSON.parse(text.slice(from, to)) };
  } catch {
    return undefined;
  }
}

/** JSON; what is too deep for it comes out as such a text. */
function printed(value: unknown): string {
  return JSON.stringify(value) ?? "null";
}

function encoded(text: string, change: (inner: string) => string): string {
  return Buffer.from(change(Buffer.from(text, "base64url").toString("utf8")), "utf8").toString("base64url");
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

function escaped(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    return text;
  }
}

function range(text: string, random: Random, most: number): readonly [number, number] {
  const from = random.below(text.length + 1);
  return [from, Math.min(text.length, from + 1 + random.below(random.oneIn(8) ? text.length + 1 : most))];
}

/** Printable, structural, or what is rarely thought of. */
export function character(random: Random): string {
  if (random.oneIn(2)) return random.pick([..."\"'\\{}[]()<>,;:=&?#%/.-_ \t\r\n@*!$^|~`+0123456789"]);
  if (random.oneIn(2)) return String.fromCharCode(32 + random.below(95));
  if (random.oneIn(2)) return random.pick(oddCharacters);
  return String.fromCharCode(random.below(0x1_00_00));
}

const oddCharacters: readonly string[] = [
  "\u0000",
  "\u0001",
  "\u001f",
  "\u007f",
  "\u0080",
  "\u00a0",
  "\u00ad",
  "\u0130",
  "\u0131",
  "\u017f",
  "\u200b",
  "\u200e",
  "\u2028",
  "\u2029",
  "\u202e",
  "\u2060",
  "\u2212",
  "\u212a",
  "\ud800",
  "\udfff",
  "\udc00\ud800",
  "\ufeff",
  "\uff0e",
  "\uff0f",
  "\uffff",
  "\u{1f600}",
  "é",
  "ß",
];

const numbersToTry: readonly string[] = [
  "0",
  "-0",
  "-1",
  "1",
  "2",
  "255",
  "256",
  "65535",
  "65536",
  "2147483647",
  "2147483648",
  "4294967296",
  "9007199254740991",
  "9007199254740993",
  "1e3",
  "1e308",
  "1e999",
  "-1e999",
  "0.1",
  "00",
  "0x10",
  "NaN",
  "Infinity",
  "99999999999999999999999999",
];
