/** The middle value; with an even count the lower one of the two. */
export function median(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

/** The median time of one call in milliseconds, calls one after the other. */
export async function p50<T>(items: readonly T[], call: (item: T) => unknown): Promise<number> {
  const samples = new Float64Array(items.length);
  let at = 0;
  for (const item of items) {
    const started = performance.now();
    await call(item);
    samples[at] = performance.now() - started;
    at += 1;
  }
  return median(samples);
}

/**
 * Measures every subject once a round, so that whatever else the machine does meets them all alike, and
 * gives each one's median over the rounds.
 */
export async function interleaved<Name extends string>(
  rounds: number,
  subjects: Readonly<Record<Name, (round: number) => Promise<number>>>,
): Promise<Record<Name, number>> {
  const names = Object.keys(subjects) as Name[];
  const seen = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) seen.get(name)?.push(await subjects[name](round));
  }
  return Object.fromEntries(names.map((name) => [name, median(seen.get(name) ?? [])])) as Record<
    Name,
    number
  >;
}

/** The items in an order that no cache of the processor can guess, the same in every run. */
export function shuffled<T>(items: readonly T[]): T[] {
  const copy = [...items];
  let seed = 42;
  for (let last = copy.length - 1; last > 0; last -= 1) {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    const other = seed % (last + 1);
    [copy[last], copy[other]] = [copy[other] as T, copy[last] as T];
  }
  return copy;
}

/** Some of the items for one round: the next `count` of them, from the start again at the end. */
export function slice<T>(items: readonly T[], count: number, round: number): T[] {
  return Array.from({ length: count }, (_, index) => items[(round * count + index) % items.length] as T);
}
