/** Numbers that look random and come again with the same seed: xoshiro128**. */
export interface Random {
  /** A whole number from 0 to below `n`. */
  below(n: number): number;
  /** True once in `n`. */
  oneIn(n: number): boolean;
  pick<T>(from: readonly T[]): T;
}

/** Makes them from a seed and what they are for. */
export function random(seed: number, purpose: string): Random {
  const state = Uint32Array.of(seed, seed ^ 0x9e3779b9, hashOf(purpose), 0x243f6a88);
  const next = (): number => {
    const [a = 0, b = 0, c = 0, d = 0] = state;
    const result = Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0;
    state[2] = c ^ a;
    state[3] = d ^ b;
    state[1] = b ^ (state[2] ?? 0);
    state[0] = a ^ (state[3] ?? 0);
    state[2] = (state[2] ?? 0) ^ (b << 9);
    state[3] = rotated(state[3] ?? 0, 11);
    return result;
  };
  for (let round = 0; round < 16; round += 1) next();
  const below = (n: number): number => next() % n;
  return {
    below,
    oneIn: (n) => below(n) === 0,
    pick: <T>(from: readonly T[]): T => from[below(from.length)] as T,
  };
}

function rotated(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
