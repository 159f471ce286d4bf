/** Looks at each character once for each other one. */
export function slow(text: string): number {
  let pairs = 0;
  for (const one of text.slice(0, 20_000)) {
    for (let at = 0; at < Math.min(text.length, 20_000); at += 1) if (text[at] === one) pairs += 1;
  }
  return pairs;
}
