import { clocksOf, endAt, isPast, type End } from "../../async/clocks.js";
import { storeUnavailableCauses } from "../../errors/causes/sign-in.js";
import { unavailable, wholeTtl } from "./refusals.js";

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

/** What a step changed: `undefined` for a record that is gone. */
export type RecordChange = readonly [key: string, record: StoredRecord | undefined];

/**
 * The steps of a store on a map of this process. Each runs to its end without waiting for anything, which
 * is what makes it atomic. What has expired is dropped bit by bit with the writes; what is live is never
 * dropped: a full map refuses with `store_unavailable`. The last of its room is for grants: see `shares`.
 */
export interface Records {
  get(key: string): string | undefined;
  setIfAbsent(key: string, value: string, ttlMs: number): boolean;
  increment(key: string, ttlMs: number): number;
  compareAndSet(key: string, expected: string | undefined, value: string, ttlMs: number): boolean;
  take(key: string): string | undefined;
  delete(key: string): void;
  /** Puts a record as it is, past all checks: what was read from a file, or what a failed write had changed. */
  put(change: RecordChange): void;
  /** All live records. */
  live(): Iterable<readonly [string, StoredRecord]>;
  readonly bytes: number;
}

/** Makes an empty map. `onChange` is told what each step changed, and what was there before. */
export function records(
  now: () => number,
  limits: RecordLimits,
  onChange: (change: RecordChange, before: StoredRecord | undefined) => void = () => undefined,
): Records {
  const clocks = clocksOf(now);
  /** A clock that was put back lets no code and no ticket live longer. */
  const entries = new Map<string, StoredRecord & { readonly end: End }>();
  let bytes = 0;
  let sweeper = entries.entries();
  let sweptAt = Number.NEGATIVE_INFINITY;

  const liveRecord = (key: string): StoredRecord | undefined => {
    const record = entries.get(key);
    return record === undefined || isPast(clocks, record.end) ? undefined : record;
  };

  const put = ([key, record]: RecordChange): void => {
    const before = entries.get(key);
    if (before !== undefined) bytes -= weight(key, before);
    if (record === undefined) {
      entries.delete(key);
    } else {
      bytes += weight(key, record);
      entries.set(key, { ...record, end: endAt(clocks, record.expiresAt) });
    }
  };

  const change = (key: string, record: StoredRecord | undefined): void => {
    const before = entries.get(key);
    put([key, record]);
    onChange([key, record], before);
  };

  const fits = (key: string, record: StoredRecord): boolean => {
    const share = shareOf(key);
    const before = entries.get(key);
    const added = weight(key, record) - (before === undefined ? 0 : weight(key, before));
    const more = before === undefined ? 1 : 0;
    // What takes no more room than before is never refused: a record can always be ended.
    if (more === 0 && added <= 0) return true;
    return entries.size + more <= share * limits.maxEntries && bytes + added <= share * limits.maxBytes;
  };

  const write = (key: string, value: string, expiresAt: number): void => {
    sweepSome();
    const record = { value, expiresAt };
    if (!fits(key, record)) sweepAll();
    if (!fits(key, record)) throw full(key, limits);
    change(key, record);
  };

  /** Two steps for every write: what expired is gone after at most one round, and no write waits for it. */
  const sweepSome = (): void => {
    for (let step = 0; step < 2; step += 1) {
      const { done, value } = sweeper.next();
      if (done === true) sweeper = entries.entries();
      else if (isPast(clocks, value[1].end)) put([value[0], undefined]);
    }
  };

  /** At most once a second, so that a map full of live records stays cheap to ask. */
  const sweepAll = (): void => {
    if (clocks.age() - sweptAt < 1_000) return;
    sweptAt = clocks.age();
    for (const [key, record] of entries) if (isPast(clocks, record.end)) put([key, undefined]);
  };

  return {
    get: (key) => liveRecord(key)?.value,
    setIfAbsent(key, value, ttlMs) {
      const expiresAt = now() + wholeTtl(ttlMs);
      if (liveRecord(key) !== undefined) return false;
      write(key, value, expiresAt);
      return true;
    },
    increment(key, ttlMs) {
      const expiresAt = now() + wholeTtl(ttlMs);
      const before = liveRecord(key);
      const count = before === undefined ? 1 : Number(before.value) + 1;
      if (!Number.isSafeInteger(count))
        throw unavailable("increment: the value under this key is no counter.");
      write(key, String(count), before?.expiresAt ?? expiresAt);
      return count;
    },
    compareAndSet(key, expected, value, ttlMs) {
      const expiresAt = now() + wholeTtl(ttlMs);
      if (liveRecord(key)?.value !== expected) return false;
      write(key, value, expiresAt);
      return true;
    },
    take(key) {
      const record = liveRecord(key);
      if (record !== undefined) change(key, undefined);
      return record?.value;
    },
    delete(key) {
      if (entries.has(key)) change(key, undefined);
    },
    put,
    *live() {
      for (const [key, record] of entries) if (!isPast(clocks, record.end)) yield [key, record];
    },
    get bytes() {
      return bytes;
    },
  };
}

/**
 * How full a store may be for a record of its kind to be written: what is thrown away within the hour is refused
 * first, so that a grant can still be written, taken away and found.
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
