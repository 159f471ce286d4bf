import { timingSafeEqual } from "node:crypto";
import { digest } from "../../sealing/digest.js";

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

/** A longer message is no code, and none is looked for in it. In characters (UTF-16 code units). */
export const maxMessageLength = 100_000;

/**
 * Combining marks, and the two other characters that become one. Unicode sorts the marks of a run, which takes
 * quadratic time: 400 kB of them would stop the process for half a minute. A code has none.
 */
const marks = /[\p{M}\uff9e\uff9f]+/gu;
/** A mark that nothing is composed with (U+034F): what stood around a run is still not side by side. */
const oneMark = "\u034f";

/**
 * The code in what a person typed, without its dashes; `undefined` when there is none. Of several the last one
 * that fits its check: wherever a code stands in a message, that message is not for the model.
 */
export function codeIn(text: string): string | undefined {
  if (text.length > maxMessageLength) return undefined;
  // Invisible characters come along when something is copied out of a page.
  const visible = text
    .replace(marks, oneMark)
    .normalize("NFKC")
    .replace(/\p{Cf}/gu, "");
  const typed = visible.toUpperCase().replace(/[‐-―]/g, "-").trim();
  const alone = /^["'`“„‘]?([A-Z0-8]{3})[- ]?([A-Z0-8]{3})[- ]?([A-Z0-8]{3})["'`”“’.!]{0,2}$/.exec(typed);
  const inside = [...typed.matchAll(/(?<![A-Z0-9-])([A-Z0-8]{3})-([A-Z0-8]{3})-([A-Z0-8]{3})(?![A-Z0-9-])/g)];
  const codes = (alone === null ? inside : [alone])
    .map((found) => found.slice(1).join("").replaceAll("0", "O").replaceAll("1", "I").replaceAll("8", "B"))
    .filter((code) => /[2-7]/.test(code.slice(0, length)));
  return codes.length === 1 ? codes[0] : codes.findLast(looksOurs);
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
