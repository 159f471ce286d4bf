import { boundedMap } from "../async/bounded-map.js";
import { endAt, isPast, type Clocks, type End } from "../async/clocks.js";
import type { TokenUse } from "../context/state.js";

/** What is remembered of a verified token: no token, no claims. */
export interface RememberedToken {
  readonly tid: string;
  readonly kid: string;
  readonly use: TokenUse;
  /** When it was issued to expire, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Verified tokens by the SHA-256 of the whole token. */
export interface VerifiedTokens {
  find(hash: string): RememberedToken | undefined;
  remember(hash: string, token: RememberedToken): void;
  forget(hash: string): void;
}

const longestMs = 10 * 60_000;

interface Entry {
  readonly token: RememberedToken;
  readonly end: End;
  /** On the wall clock. If that is set back further, the token may not be valid yet. */
  readonly provenAt: number;
}

/** Remembers at most `max` verified tokens, each for at most ten minutes. The least recently used makes room. */
export function verifiedTokens(max: number, clocks: Clocks): VerifiedTokens {
  const { now } = clocks;
  const entries = boundedMap<string, Entry>(max);
  return {
    find(hash) {
      const entry = entries.get(hash);
      if (entry === undefined) return undefined;
      entries.delete(hash);
      if (isPast(clocks, entry.end) || now() < entry.provenAt) return undefined;
      entries.set(hash, entry);
      return entry.token;
    },
    remember(hash, token) {
      const provenAt = now();
      const end = endAt(clocks, Math.min(provenAt + longestMs, token.expiresAt));
      entries.set(hash, { token, end, provenAt });
    },
    forget: (hash) => void entries.delete(hash),
  };
}
