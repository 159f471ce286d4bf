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

/** What each subject took in each round. */
export type Rounds<Name extends string> = Readonly<Record<Name, readonly number[]>>;

/** Measures every subject once a round, so that whatever else the machine does meets them all alike. */
export async function interleaved<Name extends string>(
  rounds: number,
  subjects: Readonly<Record<Name, (round: number) => Promise<number>>>,
): Promise<Rounds<Name>> {
  const names = Object.keys(subjects) as Name[];
  const taken = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) taken[name].push(await subjects[name](round));
  }
  return taken;
}

/** Each subject's median over the rounds. */
export function medians<Name extends string>(rounds: Rounds<Name>): Readonly<Record<Name, number>> {
  const entries = Object.entries<readonly number[]>(rounds);
  return Object.fromEntries(entries.map(([name, taken]) => [name, median(taken)])) as Record<Name, number>;
}

/** How many times more one subject took than another in the same round: the median over the rounds. */
export function timesMore(one: readonly number[], other: readonly number[]): number {
  return median(one.map((taken, round) => taken / (other[round] ?? Number.NaN)));
}

/**
 * How many times more the first subject takes than the second. Over the budget it is measured once more, and the median
 * of all rounds counts: a shared machine is slower for a moment now and then, and a row that is too slow stays so.
 */
export async function timesMoreWithin<One extends string, Other extends string>(
  budget: number,
  rounds: number,
  [one, other]: readonly [One, Other],
  subjects: Readonly<Record<One | Other, (round: number) => Promise<number>>>,
): Promise<{ readonly times: number; readonly taken: Rounds<One | Other> }> {
  const first = await interleaved(rounds, subjects);
  const times = timesMore(first[one], first[other]);
  if (times <= budget) return { times, taken: first };
  const second = await interleaved(rounds, subjects);
  const taken = {
    ...first,
    [one]: [...first[one], ...second[one]],
    [other]: [...first[other], ...second[other]],
  };
  return { times: timesMore(taken[one], taken[other]), taken };
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
