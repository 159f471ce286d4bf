import { digest } from "../../sealing/digest.js";

/** Tokens that a resource refused although they live: they are not given again by this process. */
export interface RefusedTokens {
  has(principalKey: string, token: string, obtainedAt: number): boolean;
  /** This token, or without one every token of the principal that was obtained until now. */
  add(principalKey: string, token: string | undefined): void;
}

const max = 10_000;

/** Makes the memory of one process. Bounded; what is forgotten costs one more refused call. */
export function refusedTokens(now: () => number): RefusedTokens {
  const hashes = new Map<string, true>();
  const before = new Map<string, number>();
  return {
    has: (principalKey, token, obtainedAt) =>
      isBefore(obtainedAt, before.get(principalKey) ?? Number.NEGATIVE_INFINITY, now()) ||
      (hashes.size > 0 && hashes.has(digest(token))),
    add(principalKey, token) {
      if (token === undefined) put(before, principalKey, now());
      else put(hashes, digest(token), true);
    },
  };
}

/**
 * Dates of the store, so of the wall clock. Where it was put back since, all that is got from now on seems to be
 * older than the refusal, and each call would refresh again: then only what is dated ahead of it is refused.
 */
function isBefore(obtainedAt: number, refusedAt: number, time: number): boolean {
  return obtainedAt <= refusedAt && (refusedAt <= time || obtainedAt > time);
}

function put<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > max) map.delete(map.keys().next().value ?? key);
}
