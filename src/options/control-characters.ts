/**
 * Characters that change how a text is read without being seen: control characters (C0, DEL, C1), line
 * separators, lone surrogates, zero-width spaces, and those that turn the direction of what follows. The joiners
 * U+200C and U+200D are left alone: Persian and emoji need them. Source: Unicode Technical Report 36, section 2.
 */
const unseen = /[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff]/u;

/** Whether a text can be shown to people, and written into logs, as one line that reads as it is. */
export function isPlainText(text: string): boolean {
  return text.trim() !== "" && !unseen.test(text);
}
