import { bytes, count, orElse } from "../options/checks.js";
import { clocksOf, endAt, isPast, systemClock, type Clocks, type End } from "../async/clocks.js";
import { processState } from "../runtime/process-state.js";
import { type OptionTable } from "../options/option-table.js";
import type { AccessToken } from "../sources/token-source.js";

/**
 * How many tokens are kept, and how large they may be together. All accesses of a process together keep no more than
 * the largest limits that one of them has; the token that was used longest ago makes room, whosever it is.
 */
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

/**
 * A bounded store of access tokens by full key, least recently used first out. Every step is O(1). Only when all
 * stores of the process are full together, one step looks at each store's oldest token.
 */
export interface TokenCache {
  /** The entry of a key, live or not; it counts as used. */
  get(key: string): CacheEntry | undefined;
  /** The entry of a key whose token may still be used; it counts as used. */
  live(key: string): CacheEntry | undefined;
  set(key: string, principal: string, token: AccessToken): void;
  delete(key: string): void;
  /** Drops one token of a principal, under whatever keys it is kept. */
  deleteToken(principal: string, token: string): void;
  /** The keys of a principal's entries, live or not. */
  keysOf(principal: string): readonly string[];
  /** Drops every token of a principal. */
  deletePrincipal(principal: string): void;
  /** Raises the limits to these, where they are higher: for one more access that keeps its tokens here. */
  widen(limits: TokenCacheLimits): void;
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
  /** How many moves to the newest end the cache had made at this entry's last one, */
  moveCount: number;
  /** and how many all caches of the process had made. */
  moveOfAll: number;
  /** Sets an entry apart from the one that takes its place. */
  readonly serial: number;
}

/** Of all caches of the process. What has been garbage collected counts until the next look at all of them. */
interface TokenMemory {
  readonly caches: Set<WeakRef<CacheState>>;
  entries: number;
  bytes: number;
  moves: number;
  serials: number;
}

const memory: TokenMemory = processState("token-memory/1", () => ({
  caches: new Set(),
  entries: 0,
  bytes: 0,
  moves: 0,
  serials: 0,
}));

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
  maxEntries: number;
  maxBytes: number;
  readonly entries: Map<string, CacheEntry>;
  /** The keys of each principal. */
  readonly keysOf: Map<string, Set<string>>;
  bytes: number;
  moves: number;
  /** How the process finds it, while it holds something. */
  known: WeakRef<CacheState> | undefined;
}

/** Makes an empty cache. `random` gives numbers from 0 to 1. */
export function tokenCache(
  limits: TokenCacheLimits = {},
  random: () => number = Math.random,
  clocks: Clocks = clocksOf(systemClock),
): TokenCache {
  const state: CacheState = {
    ...defaultLimits,
    ...limits,
    entries: new Map(),
    keysOf: new Map(),
    bytes: 0,
    moves: 0,
    known: undefined,
  };
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
      const serial = (memory.serials += 1);
      putEntry(state, key, { token, principal, bytes, end, refreshAt, moveCount: 0, moveOfAll: 0, serial });
    },
    delete: (key) => removeEntry(state, key),
    deleteToken(principal, token) {
      for (const key of keysOf.get(principal) ?? [])
        if (entries.get(key)?.token.token === token) removeEntry(state, key);
    },
    keysOf: (principal) => [...(keysOf.get(principal) ?? [])],
    deletePrincipal(principal) {
      for (const key of keysOf.get(principal) ?? []) removeEntry(state, key);
    },
    widen(more) {
      const { maxEntries, maxBytes } = { ...defaultLimits, ...more };
      state.maxEntries = Math.max(state.maxEntries, maxEntries);
      state.maxBytes = Math.max(state.maxBytes, maxBytes);
    },
    clear() {
      for (const key of [...entries.keys()]) removeEntry(state, key);
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
  // By all caches, too: else the one token of a small cache would look old beside the many of a large one.
  if (
    state.moves - entry.moveCount > entries.size / 4 ||
    memory.moves - entry.moveOfAll > memory.entries / 4
  ) {
    entries.delete(key);
    entries.set(key, entry);
    move(state, entry);
  }
  return entry;
}

function move(state: CacheState, entry: CacheEntry): void {
  entry.moveCount = state.moves += 1;
  entry.moveOfAll = memory.moves += 1;
}

function putEntry(state: CacheState, key: string, entry: CacheEntry): void {
  const { entries, keysOf, maxEntries, maxBytes } = state;
  removeEntry(state, key);
  if (entry.bytes > maxBytes) return;
  move(state, entry);
  entries.set(key, entry);
  tally(state, 1, entry.bytes);
  const keys = keysOf.get(entry.principal);
  if (keys === undefined) keysOf.set(entry.principal, new Set([key]));
  else keys.add(key);
  while (entries.size > maxEntries || state.bytes > maxBytes) removeOldest(state);
  if (memory.entries > maxEntries || memory.bytes > maxBytes) makeRoomForAll();
}

function removeEntry(state: CacheState, key: string): void {
  const { entries, keysOf } = state;
  const entry = entries.get(key);
  if (entry === undefined) return;
  entries.delete(key);
  tally(state, -1, -entry.bytes);
  const keys = keysOf.get(entry.principal);
  keys?.delete(key);
  if (keys?.size === 0) keysOf.delete(entry.principal);
}

function removeOldest(state: CacheState): void {
  const { value: oldest, done } = state.entries.keys().next();
  if (done !== true) removeEntry(state, oldest);
}

/** Counts what was added or removed, also for the process, which must not keep a cache that nobody uses. */
function tally(state: CacheState, entries: number, bytes: number): void {
  state.bytes += bytes;
  memory.entries += entries;
  memory.bytes += bytes;
  if (state.known === undefined) memory.caches.add((state.known = new WeakRef(state)));
  if (state.entries.size > 0) return;
  memory.caches.delete(state.known);
  state.known = undefined;
}

/**
 * All caches together keep what the largest of them may: with an access for each of a hundred servers, a limit for
 * each of them alone would be none.
 */
function makeRoomForAll(): void {
  const caches: CacheState[] = [];
  for (const known of memory.caches) {
    const cache = known.deref();
    if (cache === undefined) memory.caches.delete(known);
    else caches.push(cache);
  }
  const sum = (of: (cache: CacheState) => number): number => caches.reduce((all, one) => all + of(one), 0);
  const maxEntries = Math.max(...caches.map((cache) => cache.maxEntries));
  const maxBytes = Math.max(...caches.map((cache) => cache.maxBytes));
  memory.entries = sum(({ entries }) => entries.size);
  memory.bytes = sum(({ bytes }) => bytes);
  while (memory.entries > maxEntries || memory.bytes > maxBytes) {
    const oldest = caches.reduce((before, one) => (lastUse(one) < lastUse(before) ? one : before));
    removeOldest(oldest);
  }
}

/** When the oldest entry was used, in moves of all caches. */
function lastUse({ entries }: CacheState): number {
  const { value, done } = entries.values().next();
  return done === true ? Number.POSITIVE_INFINITY : value.moveOfAll;
}
