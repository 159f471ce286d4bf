import { timingSafeEqual } from "node:crypto";
import { digest } from "../../sealing/digest.js";
import { maxMessageLength, ownText, readings, visibleText } from "./typed.js";

/** RFC 4648 base32: no 0, 1, 8 or 9, which people take for letters. */
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const length = 8;

/**
 * A new code: eight random characters and one that checks them, as `ABC-D2E-FGH`. It has at least one digit,
 * so that no word of a chat is taken for one; that leaves 39.6 of 40 bits.
 */
export function newCode(random: (bytes: number) => Uint8Array): string {
  for (;;) {
    const code = Array.from(random(length), (byte) => alphabet.charAt(byte % 32)).join("");
    if (/\d/.test(code)) return `${code}${checkOf(code)}`.replace(/(.{3})(?=.)/g, "$1-");
  }
}

/** What a message holds of codes. Codes are without their dashes. */
export interface TypedCodes {
  /**
   * Whole codes, each once. Wherever one stands, that message is not for the model. A code that does not fit its
   * check counts only if there is nothing else that is formed like one: of several, those are order numbers.
   */
  readonly codes: readonly string[];
  /** Whole codes in a form that other words have as well: they count only while a code is waited for. */
  readonly likely: readonly string[];
  /** Whether something in it is nearly a code: this, too, counts only while one is waited for. */
  readonly nearly: boolean;
}

const none: TypedCodes = { codes: [], likely: [], nearly: false };
/** Nothing but a code of this form is looked for in a longer message. In characters. */
const maxSentence = 200;

/** Looks for codes in what a person typed to an agent. It sees the message only, never the code that is waited for. */
export function typedCodes(text: string, agent = ""): TypedCodes {
  if (text.length > maxMessageLength) return none;
  const visible = visibleText(text);
  const dashed = [...visible.toUpperCase().replace(dashes, "-").matchAll(grouped)].map((found) =>
    lettersOf(found.slice(1).join("")),
  );
  const own = ownText(visible);
  const said = readings(own, agent).map((words) => words.toUpperCase());
  const alone = said.map((words) => aloneIn(words)).find((code) => code !== undefined);
  const formed = [...new Set(alone === undefined ? dashed : [alone])].filter(hasDigit);
  const fitting = formed.filter(looksOurs);
  const codes = formed.length === 1 ? formed : fitting;
  if (codes.length > 0) return { ...none, codes };
  if (own.length > maxSentence) return none;
  const likely = [...new Set(said.flatMap(looseIn))].filter((code) => hasDigit(code) && looksOurs(code));
  return { ...none, likely, nearly: formed.length > 0 || said.some(isNearly) || said.some(hasNearly) };
}

const dashes = /[‐-―−]/g;
const grouped = /(?<![A-Z0-9-])([A-Z0-8]{3})-([A-Z0-8]{3})-([A-Z0-8]{3})(?![A-Z0-9-])/g;

/** What people take for a letter is that letter. */
function lettersOf(code: string): string {
  return code.replaceAll("0", "O").replaceAll("1", "I").replaceAll("8", "B");
}

function hasDigit(code: string): boolean {
  return /[2-7]/.test(code.slice(0, length));
}

/** The code that a message consists of, be it typed or pasted twice. */
function aloneIn(words: string): string | undefined {
  const found = /^([A-Z0-8]{3})[- ]?([A-Z0-8]{3})[- ]?([A-Z0-8]{3})$/.exec(words)?.slice(1).join("");
  if (found !== undefined) return lettersOf(found);
  const [once = "", twice = ""] = [words.slice(0, words.length / 2), words.slice(-words.length / 2)];
  return words.length < 25 && once !== "" && once.replace(/[- ]$/, "") === twice.replace(/^[- ]/, "")
    ? aloneIn(twice.replace(/^[- ]/, ""))
    : undefined;
}

/** Codes without dashes in the middle of a sentence. */
function looseIn(words: string): readonly string[] {
  return [...words.matchAll(/(?<![^ ,])(?=([A-Z0-8]{3}) ?([A-Z0-8]{3}) ?([A-Z0-8]{3})(?![^ ,]))/g)].map(
    (found) => lettersOf(found.slice(1).join("")),
  );
}

/**
 * Whether a message is formed as a code with a character missing, doubled or mistyped, or as a part of one. Groups of
 * letters without dashes, or one long word, are no such form: people write words.
 */
function isNearly(words: string): boolean {
  if (words.length > 20 || !/\p{L}/u.test(words)) return false;
  const sizes = words.split(/[- ,]/).map((group) => group.length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const mixed = isMixed(words);
  if (sizes.length === 1) return mixed && total >= length && total <= length + 2;
  const isGrouped = oneOff(sizes) && (words.includes("-") || words.split(/[ ,]/).some(isMixed));
  if (isGrouped) return true;
  // Dashes at other places, and a part of the groups.
  const isPart = sizes[0] === 3 && sizes[1] === 3 && total <= 7;
  const isWhole = sizes.length <= 4 && total >= length && total <= length + 2;
  return mixed && words.includes("-") && (isPart || isWhole) && !/\d{4}/.test(words);
}

/** The same for a part of a sentence: only in groups with dashes, or a word that mixes letters and digits. */
function hasNearly(words: string): boolean {
  return words
    .split(/[ ,]/)
    .some(
      (part) =>
        isMixed(part) &&
        (part.includes("-")
          ? oneOff(part.split("-").map(({ length: size }) => size))
          : part.length >= length && part.length <= length + 2),
    );
}

function isMixed(text: string): boolean {
  return /\p{L}/u.test(text) && /\p{N}/u.test(text);
}

/** Three groups of three, but for one character. */
function oneOff(sizes: readonly number[]): boolean {
  const off = sizes.map((size) => Math.abs(size - 3)).filter((by) => by > 0);
  return sizes.length === 3 && off.length <= 1 && off.every((by) => by === 1);
}

/** Whether its last character fits: then it was a code of ours once, and is no order number. */
export function looksOurs(code: string): boolean {
  return checkOf(code.slice(0, length)) === code.charAt(length);
}

/** The digest of a code, which is stored in its place. */
export function codeDigest(code: string): string {
  return digest(code.replaceAll("-", ""));
}

/** Compares in constant time. */
export function sameDigest(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function checkOf(code: string): string {
  let sum = 0;
  for (let at = 0; at < code.length; at += 1) sum += (2 * at + 1) * alphabet.indexOf(code.charAt(at));
  return alphabet.charAt(sum % 32);
}
