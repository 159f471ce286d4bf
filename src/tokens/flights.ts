import type { AccessToken } from "../sources/token-source.js";

/** Tokens that are being fetched: one flight for each principal and full key. */
export interface Flights {
  /** The flight that is under way for this key, or a new one. */
  join(
    principalKey: string,
    key: string,
    fetch: (mayKeep: MayKeep) => Promise<AccessToken>,
  ): Promise<AccessToken>;
  /** Callers after this join none of the principal's flights, and nothing that those bring is kept. */
  forgetPrincipal(principalKey: string): void;
  /** This token is not kept, if a flight of the principal brings it. */
  forgetToken(principalKey: string, token: string): void;
}

/** Whether what a flight brings may still be kept: this token, or without one whatever else it learned. */
export type MayKeep = (token?: string) => boolean;

interface Flight {
  /** `undefined` only while it begins. */
  work: Promise<AccessToken> | undefined;
  readonly dropped: Set<string>;
  forgotten: boolean;
}

/** Starts with no flight. Holds only those under way. */
export function flights(): Flights {
  const byPrincipal = new Map<string, Map<string, Flight>>();

  const landed = (principalKey: string, key: string, flight: Flight): void => {
    const own = byPrincipal.get(principalKey);
    // After a forget() another one may fly under this key.
    if (own?.get(key) !== flight) return;
    own.delete(key);
    if (own.size === 0) byPrincipal.delete(principalKey);
  };

  return {
    join(principalKey, key, fetch) {
      const own = byPrincipal.get(principalKey) ?? new Map<string, Flight>();
      const known = own.get(key)?.work;
      if (known !== undefined) return known;
      const flight: Flight = { work: undefined, dropped: new Set(), forgotten: false };
      // Before the work begins: a source may forget at once.
      own.set(key, flight);
      byPrincipal.set(principalKey, own);
      const work = fetch((token) => !flight.forgotten && (token === undefined || !flight.dropped.has(token)));
      flight.work = work;
      const settled = (): void => landed(principalKey, key, flight);
      work.then(settled, settled);
      return work;
    },
    forgetPrincipal(principalKey) {
      for (const flight of byPrincipal.get(principalKey)?.values() ?? []) flight.forgotten = true;
      byPrincipal.delete(principalKey);
    },
    forgetToken(principalKey, token) {
      for (const flight of byPrincipal.get(principalKey)?.values() ?? []) flight.dropped.add(token);
    },
  };
}
