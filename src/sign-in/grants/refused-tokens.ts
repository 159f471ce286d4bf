import { boundedMap } from "../../async/bounded-map.js";
import { digest } from "../../sealing/digest.js";

/** Tokens that a resource refused before they expired: this process does not give them again. */
export interface RefusedTokens {
  has(principalKey: string, token: string, obtainedAt: number): boolean;
  /** This token, or without one every token of the principal that was obtained until now. */
  add(principalKey: string, token: string | undefined): void;
}

const max = 10_000;

/** The memory of one process. What it drops costs one more refused call. */
export function refusedTokens(now: () => number): RefusedTokens {
  const digests = boundedMap<string, true>(max);
  const before = boundedMap<string, number>(max);
  return {
    has: (principalKey, token, obtainedAt) =>
      isBefore(obtainedAt, before.get(principalKey) ?? Number.NEGATIVE_INFINITY, now()) ||
      (digests.size > 0 && digests.has(digest(token))),
    add(principalKey, token) {
      if (token === undefined) before.set(principalKey, now());
      else digests.set(digest(token), true);
    },
  };
}

/**
 * These times come from the store, so from the wall clock. If that was put back, every new token seems to be older
 * than the refusal, and each call would refresh again. Then only tokens dated after the present are refused.
 */
function isBefore(obtainedAt: number, refusedAt: number, time: number): boolean {
  return obtainedAt <= refusedAt && (refusedAt <= time || obtainedAt > time);
}
