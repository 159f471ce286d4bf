import { storeUnavailableCauses } from "../../errors/causes/sign-in.js";
import { clocksOf, endAt, isPast, type Clocks, type End } from "../../async/clocks.js";
import { unavailable, wholeTtl } from "./refusals.js";
import type { SignInStore } from "./store.js";

/** One live value. `expiresAt` in milliseconds since the epoch. */
export interface StoredRecord {
  readonly value: string;
  readonly expiresAt: number;
}

/** How much a store in this process keeps. */
export interface RecordLimits {
  readonly maxEntries: number;
  /** In bytes of keys, values and what keeping them costs. */
  readonly maxBytes: number;
}

/** A change of one record. `undefined` means that it is gone. */
export type RecordChange = readonly [key: string, record: StoredRecord | undefined];

/**
 * The records of a store that keeps them in this process. Each step is atomic, because it runs to its end without
 * waiting. Expired records are dropped bit by bit with the writes. Live ones are never dropped: a full map throws
 * `store_unavailable`. The last of its room is for grants: see `shares`.
 */
export interface Records {
  get(key: string): string | undefined;
  setIfAbsent(key: string, value: string, ttlMs: number): boolean;
  increment(key: string, ttlMs: number): number;
  compareAndSet(key: string, expected: string | undefined, value: string, ttlMs: number): boolean;
  take(key: string): string | undefined;
  delete(key: string): void;
  /** Puts a record without any check: one that was read from a file, or that a failed write had changed. */
  put(change: RecordChange): void;
  /** All live records. */
  live(): Iterable<readonly [string, StoredRecord]>;
  readonly bytes: number;
}

/** Called with each change of a step, and with what was there before. */
type OnChange = (change: RecordChange, before: StoredRecord | undefined) => void;

interface RecordMap {
  readonly clocks: Clocks;
  readonly limits: RecordLimits;
  readonly onChange: OnChange;
  /** With an end by both clocks: putting the wall clock back must not extend a code or a ticket. */
  readonly entries: Map<string, StoredRecord & { readonly end: End }>;
  bytes: number;
  /** Where the next sweep goes on, and when all records were last swept. */
  sweeper: MapIterator<[string, StoredRecord & { readonly end: End }]>;
  sweptAt: number;
}

/** An empty map. */
export function records(
  now: () => number,
  limits: RecordLimits,
  onChange: OnChange = () => undefined,
): Records {
  const entries: RecordMap["entries"] = new Map();
  const sweeper = entries.entries();
  const sweptAt = Number.NEGATIVE_INFINITY;
  const map: RecordMap = { clocks: clocksOf(now), limits, onChange, entries, bytes: 0, sweeper, sweptAt };
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
      if (record !== undefined) changeRecord(map, key, undefined);
      return record?.value;
    },
    delete(key) {
      if (entries.has(key)) changeRecord(map, key, undefined);
    },
    put: (change) => putRecord(map, change),
    *live() {
      for (const [key, record] of entries) if (!isPast(map.clocks, record.end)) yield [key, record];
    },
    get bytes() {
      return map.bytes;
    },
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
  };
}

function liveRecord({ entries, clocks }: RecordMap, key: string): StoredRecord | undefined {
  const record = entries.get(key);
  return record === undefined || isPast(clocks, record.end) ? undefined : record;
}

/** Writes a record if there is room for it. Throws `store_unavailable` if not. */
function writeRecord(map: RecordMap, key: string, record: StoredRecord): void {
  sweepSome(map);
  if (!fits(map, key, record)) sweepAll(map);
  if (!fits(map, key, record)) throw full(key, map.limits);
  changeRecord(map, key, record);
}

function changeRecord(map: RecordMap, key: string, record: StoredRecord | undefined): void {
  const before = map.entries.get(key);
  putRecord(map, [key, record]);
  map.onChange([key, record], before);
}

function putRecord(map: RecordMap, [key, record]: RecordChange): void {
  const { clocks, entries } = map;
  const before = entries.get(key);
  if (before !== undefined) map.bytes -= weight(key, before);
  if (record === undefined) {
    entries.delete(key);
  } else {
    map.bytes += weight(key, record);
    entries.set(key, { ...record, end: endAt(clocks, record.expiresAt) });
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
    else if (isPast(map.clocks, value[1].end)) putRecord(map, [value[0], undefined]);
  }
}

/** At most once a second, so that writes to a full map stay cheap. */
function sweepAll(map: RecordMap): void {
  const { clocks, entries } = map;
  if (clocks.age() - map.sweptAt < 1_000) return;
  map.sweptAt = clocks.age();
  for (const [key, record] of entries) if (isPast(clocks, record.end)) putRecord(map, [key, undefined]);
}

/**
 * How full a store may be for a record of this kind to be written. Records that live for less than an hour are refused
 * first, so that a grant can still be written, ended and found.
 */
const shares: Readonly<Record<string, number>> = { prompt: 0.5, pending: 0.75, tries: 0.75, state: 0.75 };

function shareOf(key: string): number {
  const kind = key.slice(0, Math.max(0, key.indexOf(":")));
  return Object.hasOwn(shares, kind) ? (shares[kind] ?? 1) : 1;
}

// Sealed text is ASCII, one byte a character in V8; the rest is about what a Map entry and two strings cost.
function weight(key: string, record: StoredRecord): number {
  return key.length + record.value.length + 160;
}

function full(key: string, { maxEntries, maxBytes }: RecordLimits): Error {
  const share = shareOf(key);
  const what = share === 1 ? "The store is full" : `The store is so full that the rest is kept for grants`;
  return unavailable(
    `${what} (maxEntries ${maxEntries}, maxBytes ${maxBytes}), and nothing in it has expired.`,
    storeUnavailableCauses.full,
  );
}
