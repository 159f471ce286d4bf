/** Fails where nobody gets by chance: one letter after the other has to be right. */
export function rare(text: string): number {
  let right = 0;
  // By number, so that the letters are no words of the source.
  if (text.charCodeAt(0) === 0x66) right = 1;
  if (right === 1 && text.charCodeAt(1) === 0x75) right = 2;
  if (right === 2 && text.charCodeAt(2) === 0x3f) (undefined as never as { now(): void }).now();
  return right;
}
