import { clocksOf, endAt, isPast, type Clocks, type End } from "../../async/clocks.js";
import { unexpected } from "../../options/invalid.js";
import { unavailable, wholeLimit, wholeTtl } from "./refusals.js";
import { full, shareOf } from "./room.js";
import type { ScannedPage, SignInStore } from "./store.js";

/** One live value. `expiresAt` in milliseconds since the epoch. */
interface StoredRecord {
  readonly value: string;
  readonly expiresAt: number;
}

/** How much a store in this process keeps. */
export interface RecordLimits {
  readonly maxEntries: number;
  /** In bytes of keys, values and what keeping them costs. */
  readonly maxBytes: number;
}

/**
 * The records of a store that keeps them in this process. Each step is atomic, because it runs to its end without
 * waiting. Expired records are dropped bit by bit with the writes. Live ones are never dropped: a full map throws
 * `store_unavailable`. The last of its room is for grants: see `room.ts`.
 */
export interface Records {
  get(key: string): string | undefined;
  setIfAbsent(key: string, value: string, ttlMs: number): boolean;
  increment(key: string, ttlMs: number): number;
  compareAndSet(key: string, expected: string | undefined, value: string, ttlMs: number): boolean;
  take(key: string): string | undefined;
  delete(key: string): void;
  scan(prefix: string, cursor: string | undefined, limit: number): ScannedPage;
}

/** With an end by both clocks: putting the wall clock back must not extend a code or a ticket. */
interface Entry extends StoredRecord {
  readonly end: End;
  /** Rises in the order of the map. */
  readonly place: number;
}

interface RecordMap {
  readonly clocks: Clocks;
  readonly limits: RecordLimits;
  readonly entries: Map<string, Entry>;
  bytes: number;
  lastPlace: number;
  /** Where the next sweep goes on, and when all records were last swept. */
  sweeper: MapIterator<[string, Entry]>;
  sweptAt: number;
}

/** An empty map. */
export function records(now: () => number, limits: RecordLimits): Records {
  const entries: RecordMap["entries"] = new Map();
  const sweeper = entries.entries();
  const sweptAt = Number.NEGATIVE_INFINITY;
  const map: RecordMap = { clocks: clocksOf(now), limits, entries, bytes: 0, lastPlace: 0, sweeper, sweptAt };
  return {
    get: (key) => liveRecord(map, key)?.value,
    setIfAbsent(key, value, ttlMs) {
      const expiresAt = now() + wholeTtl(ttlMs);
      if (liveRecord(map, key) !== undefined) return false;
      writeRecord(map, key, { value, expiresAt });
      return true;
    },
    increment(key, ttlMs) {
      const expiresAt = now() + wholeTtl(ttlMs);
      const before = liveRecord(map, key);
      const count = before === undefined ? 1 : Number(before.value) + 1;
      if (!Number.isSafeInteger(count))
        throw unavailable("increment: the value under this key is no counter.");
      writeRecord(map, key, { value: String(count), expiresAt: before?.expiresAt ?? expiresAt });
      return count;
    },
    compareAndSet(key, expected, value, ttlMs) {
      const expiresAt = now() + wholeTtl(ttlMs);
      if (liveRecord(map, key)?.value !== expected) return false;
      writeRecord(map, key, { value, expiresAt });
      return true;
    },
    take(key) {
      const record = liveRecord(map, key);
      if (record !== undefined) putRecord(map, key, undefined);
      return record?.value;
    },
    delete: (key) => putRecord(map, key, undefined),
    scan: (prefix, cursor, limit) => page(map, prefix, cursor, wholeLimit(limit)),
  };
}

/** The steps of a store whose records are in this process. `step` says when and how each one runs. */
export function recordSteps(
  step: <T>(work: (kept: Records) => T) => Promise<T>,
): Omit<SignInStore, "shared" | "start" | "close"> {
  return {
    get: (key) => step((kept) => kept.get(key)),
    setIfAbsent: (key, value, ttlMs) => step((kept) => kept.setIfAbsent(key, value, ttlMs)),
    increment: (key, ttlMs) => step((kept) => kept.increment(key, ttlMs)),
    compareAndSet: (key, expected, value, ttlMs) =>
      step((kept) => kept.compareAndSet(key, expected, value, ttlMs)),
    take: (key) => step((kept) => kept.take(key)),
    delete: (key) => step((kept) => kept.delete(key)),
    scan: (prefix, cursor, limit) => step((kept) => kept.scan(prefix, cursor, limit)),
  };
}

function liveRecord({ entries, clocks }: RecordMap, key: string): StoredRecord | undefined {
  const record = entries.get(key);
  return record === undefined || isPast(clocks, record.end) ? undefined : record;
}

/** In the order of the map, from behind the place in the cursor. */
function page(
  { clocks, entries }: RecordMap,
  prefix: string,
  cursor: string | undefined,
  limit: number,
): ScannedPage {
  const after = cursor === undefined ? 0 : Number(cursor);
  if (!Number.isSafeInteger(after))
    throw unexpected("cursor", "what the page before gave as next", cursor, "");
  const found: [string, string][] = [];
  for (const [key, { value, end, place }] of entries) {
    if (place <= after || !key.startsWith(prefix) || isPast(clocks, end)) continue;
    found.push([key, value]);
    if (found.length === limit) return { records: found, next: String(place) };
  }
  return { records: found, next: undefined };
}

/** Writes a record if there is room for it. Throws `store_unavailable` if not. */
function writeRecord(map: RecordMap, key: string, record: StoredRecord): void {
  sweepSome(map);
  if (!fits(map, key, record)) sweepAll(map);
  if (!fits(map, key, record))
    throw full(key, `maxEntries ${map.limits.maxEntries}, maxBytes ${map.limits.maxBytes}`);
  putRecord(map, key, record);
}

/** `undefined` deletes it. */
function putRecord(map: RecordMap, key: string, record: StoredRecord | undefined): void {
  const { clocks, entries } = map;
  const before = entries.get(key);
  if (before !== undefined) map.bytes -= weight(key, before);
  if (record === undefined) {
    entries.delete(key);
  } else {
    map.bytes += weight(key, record);
    const place = before?.place ?? (map.lastPlace += 1);
    entries.set(key, { ...record, end: endAt(clocks, record.expiresAt), place });
  }
}

function fits({ entries, bytes, limits }: RecordMap, key: string, record: StoredRecord): boolean {
  const share = shareOf(key);
  const before = entries.get(key);
  const added = weight(key, record) - (before === undefined ? 0 : weight(key, before));
  const more = before === undefined ? 1 : 0;
  // A change that takes no more room than before is never refused, so that a record can always be ended.
  if (more === 0 && added <= 0) return true;
  return entries.size + more <= share * limits.maxEntries && bytes + added <= share * limits.maxBytes;
}

/** Two records for each write: an expired one is gone after one round at most, and no write waits for a sweep. */
function sweepSome(map: RecordMap): void {
  for (let step = 0; step < 2; step += 1) {
    const { done, value } = map.sweeper.next();
    if (done === true) map.sweeper = map.entries.entries();
    else if (isPast(map.clocks, value[1].end)) putRecord(map, value[0], undefined);
  }
}

/** At most once a second, so that writes to a full map stay cheap. */
function sweepAll(map: RecordMap): void {
  const { clocks, entries } = map;
  if (clocks.age() - map.sweptAt < 1_000) return;
  map.sweptAt = clocks.age();
  for (const [key, record] of entries) if (isPast(clocks, record.end)) putRecord(map, key, undefined);
}

// Sealed text is ASCII, one byte a character in V8; the rest is about what a Map entry and two strings cost.
function weight(key: string, record: StoredRecord): number {
  return key.length + record.value.length + 160;
}
