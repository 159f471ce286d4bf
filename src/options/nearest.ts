/** The name that was probably meant: one letter off, two in a long name, or a name that begins so. */
export function nearest(written: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((name) => ({ name, distance: distance(written.toLowerCase().slice(0, 40), name) }))
    .filter(({ name, distance }) => distance <= (name.length < 8 ? 1 : 2))
    .sort((a, b) => a.distance - b.distance);
  return best?.name ?? names.find((name) => written.length >= 3 && name.startsWith(written));
}

/** How many letters apart two names are: Levenshtein's distance, row by row. */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
