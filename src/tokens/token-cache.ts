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

/** A kept token. */
export interface CacheEntry {
  readonly token: AccessToken;
  readonly principal: string;
  readonly bytes: number;
  /** Until when it may be used. */
  readonly end: End;
  /** An age. It moves when a background refresh has been tried. */
  refreshAt: number;
  /** How many moves to the newest end the cache had made at this entry's last one. */
  moveCount: number;
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

/**
 * What the cache holds. A Map keeps insertion order: the first key is the least recently used one. An entry that still
 * is among the newest quarter stays where it is: with many users, moving it costs a third of finding its token.
 */
interface CacheState {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly entries: Map<string, CacheEntry>;
  /** The keys of each principal. */
  readonly keysOf: Map<string, Set<string>>;
  bytes: number;
  moves: number;
}

/** Makes an empty cache. `random` gives numbers from 0 to 1. */
export function tokenCache(
  limits: TokenCacheLimits = {},
  random: () => number = Math.random,
  clocks: Clocks = clocksOf(systemClock),
): TokenCache {
  const bounds = { ...defaultLimits, ...limits };
  const state: CacheState = { ...bounds, entries: new Map(), keysOf: new Map(), bytes: 0, moves: 0 };
  const { entries, keysOf } = state;
  return {
    get: (key) => getEntry(state, key),
    live(key) {
      const entry = getEntry(state, key);
      return entry === undefined || isPast(clocks, entry.end) ? undefined : entry;
    },
    set(key, principal, token) {
      const until = usableUntil(token);
      const end = endAt(clocks, until);
      const refreshAt = endAt(clocks, refreshTime(token, until, random())).aged;
      const bytes = key.length + token.token.length;
      putEntry(state, key, { token, principal, bytes, end, refreshAt, moveCount: 0 });
    },
    deleteToken(principal, token) {
      for (const key of keysOf.get(principal) ?? [])
        if (entries.get(key)?.token.token === token) removeEntry(state, key);
    },
    deletePrincipal(principal) {
      for (const key of keysOf.get(principal) ?? []) removeEntry(state, key);
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
      state.bytes = 0;
    },
    get size() {
      return entries.size;
    },
  };
}

function getEntry(state: CacheState, key: string): CacheEntry | undefined {
  const { entries } = state;
  const entry = entries.get(key);
  if (entry === undefined) return undefined;
  if (state.moves - entry.moveCount > entries.size / 4) {
    entries.delete(key);
    entries.set(key, entry);
    entry.moveCount = state.moves += 1;
  }
  return entry;
}

function putEntry(state: CacheState, key: string, entry: CacheEntry): void {
  const { entries, keysOf, maxEntries, maxBytes } = state;
  removeEntry(state, key);
  if (entry.bytes > maxBytes) return;
  entry.moveCount = state.moves += 1;
  entries.set(key, entry);
  state.bytes += entry.bytes;
  const keys = keysOf.get(entry.principal);
  if (keys === undefined) keysOf.set(entry.principal, new Set([key]));
  else keys.add(key);
  while (entries.size > maxEntries || state.bytes > maxBytes) {
    const oldest = entries.keys().next();
    if (oldest.done === true) break;
    removeEntry(state, oldest.value);
  }
}

function removeEntry(state: CacheState, key: string): void {
  const { entries, keysOf } = state;
  const entry = entries.get(key);
  if (entry === undefined) return;
  entries.delete(key);
  state.bytes -= entry.bytes;
  const keys = keysOf.get(entry.principal);
  keys?.delete(key);
  if (keys?.size === 0) keysOf.delete(entry.principal);
}
