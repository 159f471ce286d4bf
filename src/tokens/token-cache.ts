import { bytes, count, orElse } from "../options/checks.js";
import { clocksOf, endAt, isPast, systemClock, type Clocks, type End } from "../async/clocks.js";
import { type OptionTable } from "../options/option-table.js";
import type { AccessToken } from "../sources/token-source.js";

/** How many tokens are kept, and how large they may be together. */
export interface TokenCacheLimits {
  /** Default 10 000. */
  readonly maxEntries?: number;
  /** In bytes of key and token, default 64 MiB. */
  readonly maxBytes?: number;
}

const defaultLimits = { maxEntries: 10_000, maxBytes: 64 * 1024 * 1024 };

/** The bounds of {@link tokenCache}. */
export const cacheLimitOptions: OptionTable<TokenCacheLimits, "maxEntries" | "maxBytes"> = {
  maxEntries: orElse(count(), defaultLimits.maxEntries),
  maxBytes: orElse(bytes(), defaultLimits.maxBytes),
};

/** A bounded store of access tokens by full key, least recently used first out. Every step is O(1). */
export interface TokenCache {
  /** The entry of a key, live or not; it counts as used. */
  get(key: string): CacheEntry | undefined;
  /** The entry of a key whose token may still be used; it counts as used. */
  live(key: string): CacheEntry | undefined;
  set(key: string, principal: string, token: AccessToken): void;
  /** Drops one token of a principal, under whatever keys it is kept. */
  deleteToken(principal: string, token: string): void;
  /** Drops every token of a principal. */
  deletePrincipal(principal: string): void;
  /** A token of a principal that may still be used. */
  ofPrincipal(principal: string): AccessToken | undefined;
  clear(): void;
  readonly size: number;
}

/**
 * A kept token. `refreshAt`, an age, moves when a background refresh has been tried; `movedAt` counts the moves to
 * the newest end until its own last one.
 */
export interface CacheEntry {
  readonly token: AccessToken;
  readonly principal: string;
  readonly bytes: number;
  /** Until when it may be used. */
  readonly end: End;
  refreshAt: number;
  movedAt: number;
}

/** A token this close to its end is not sent any more: it would expire on the way. */
const marginMs = 30_000;

/** Until when a token may be given out of a cache, milliseconds since the epoch. */
export function usableUntil({ expiresAt, useUntil = Number.POSITIVE_INFINITY }: AccessToken): number {
  return Math.min(expiresAt - marginMs, useUntil);
}

/**
 * When a background refresh is due: a while after the token says so, at random, in the first half of the time
 * that is left. Else all who got their tokens in one second ask for new ones in one second. A source that wants
 * to be asked again soon spreads its own tokens.
 */
function refreshTime({ refreshAt, expiresAt, useUntil }: AccessToken, until: number, random: number): number {
  if (refreshAt === undefined) return expiresAt;
  return useUntil === undefined ? refreshAt + (Math.max(0, until - refreshAt) / 2) * random : refreshAt;
}

/** Makes an empty cache. `random` gives numbers from 0 to 1. */
export function tokenCache(
  limits: TokenCacheLimits = {},
  random: () => number = Math.random,
  clocks: Clocks = clocksOf(systemClock),
): TokenCache {
  const { maxEntries, maxBytes } = { ...defaultLimits, ...limits };
  // A Map keeps insertion order: the first key is the least recently used one. An entry that still is among
  // the newest quarter stays where it is: with many users, moving it costs a third of finding its token.
  const entries = new Map<string, CacheEntry>();
  const keysOf = new Map<string, Set<string>>();
  let bytes = 0;
  let moves = 0;

  const remove = (key: string): void => {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    bytes -= entry.bytes;
    const keys = keysOf.get(entry.principal);
    keys?.delete(key);
    if (keys?.size === 0) keysOf.delete(entry.principal);
  };

  const get = (key: string): CacheEntry | undefined => {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    if (moves - entry.movedAt > entries.size / 4) {
      entries.delete(key);
      entries.set(key, entry);
      entry.movedAt = moves += 1;
    }
    return entry;
  };

  return {
    get,
    live(key) {
      const entry = get(key);
      return entry === undefined || isPast(clocks, entry.end) ? undefined : entry;
    },
    set(key, principal, token) {
      remove(key);
      const size = key.length + token.token.length;
      if (size > maxBytes) return;
      const until = usableUntil(token);
      const end = endAt(clocks, until);
      const refreshAt = endAt(clocks, refreshTime(token, until, random())).aged;
      entries.set(key, { token, principal, bytes: size, end, refreshAt, movedAt: (moves += 1) });
      bytes += size;
      const keys = keysOf.get(principal);
      if (keys === undefined) keysOf.set(principal, new Set([key]));
      else keys.add(key);
      while (entries.size > maxEntries || bytes > maxBytes) {
        const oldest = entries.keys().next();
        if (oldest.done === true) break;
        remove(oldest.value);
      }
    },
    deleteToken(principal, token) {
      for (const key of keysOf.get(principal) ?? []) {
        if (entries.get(key)?.token.token === token) remove(key);
      }
    },
    deletePrincipal(principal) {
      for (const key of keysOf.get(principal) ?? []) remove(key);
    },
    ofPrincipal(principal) {
      for (const key of keysOf.get(principal) ?? []) {
        const entry = entries.get(key);
        if (entry !== undefined && !isPast(clocks, entry.end)) return entry.token;
      }
      return undefined;
    },
    clear() {
      entries.clear();
      keysOf.clear();
      bytes = 0;
    },
    get size() {
      return entries.size;
    },
  };
}
