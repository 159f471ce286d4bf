/** A repeatable source of numbers from 0 up to 1. */
export interface Random {
  (): number;
  /** A whole number from 0 up to `n`, without `n`. */
  below(n: number): number;
  /** Whether something that happens so often happens now. */
  chance(share: number): boolean;
  /** The same things in another order. */
  shuffled<T>(of: readonly T[]): T[];
}

/** Repeats with its seed (mulberry32), so that a run that found something can be run again. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number): number => Math.floor(next() * n);
  return Object.assign(next, {
    below,
    chance: (share: number) => next() < share,
    shuffled: <T>(of: readonly T[]): T[] =>
      of
        .map((one) => ({ one, at: next() }))
        .toSorted((a, b) => a.at - b.at)
        .map(({ one }) => one),
  });
}
