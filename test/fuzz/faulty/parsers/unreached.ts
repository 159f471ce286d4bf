/** Has ways that no input takes. */
export function unreached(text: string): string {
  if (text.length < 0) return text === "never" ? "a" : "b";
  return text.length > 1e9 ? "c" : "d";
}
