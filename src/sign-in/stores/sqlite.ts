import { isHostedAgentIdentityError } from "../../errors.js";
import { bytes, clock, orElse, text } from "../../options/checks.js";
import { readOptions, type OptionTable } from "../../options/option-table.js";
import { type Runtime } from "../../runtime/runtime.js";
import { closed, unavailable, wholeLimit, wholeTtl } from "./refusals.js";
import { full, shareOf } from "./room.js";
import {
  asStoreError,
  closeSqliteFile,
  damaged,
  fitsFile,
  openSqliteFile,
  refuseFullDisk,
  refuseMoved,
  rollBack,
  type SqliteFile,
  whileBusy,
} from "./sqlite-file.js";
import type { ScannedPage, SignInStore } from "./store.js";

/**
 * Options of {@link sqliteStore}.
 * @group Sign-in
 */
export interface SqliteStoreOptions extends Pick<Runtime, "now"> {
  /** On a disk of this machine, not on NFS or Azure Files. A missing folder is created. */
  readonly path: string;
  /**
   * At least 1 MiB, default 64 MiB. A full store throws `store_unavailable`; it drops nothing that is live. Waiting
   * messages may fill half of it, waiting codes three quarters. The rest is for grants.
   */
  readonly maxBytes?: number;
}

/**
 * Stores sign-ins in a file, with the SQLite of Node 22.13 and newer, for the processes of one machine. What was
 * reported as stored is on the disk: neither a killed process nor a power cut loses any of it.
 *
 * `start()` throws `store_unsuitable` where Node has no SQLite, and in a hosted sandbox, whose disk belongs to one
 * session: use `redisStore()` there. It throws `store_corrupt` when the file is damaged or something else's, and leaves
 * it as it is. Every method throws `store_unavailable` when the disk refuses the write, and then nothing has changed;
 * when the file was deleted; when another process holds it for seconds. `closed` after `close()`.
 *
 * Entry point: `hosted-agent-identity/sign-in`.
 *
 * @example
 * ```ts
 * import { sqliteStore } from "hosted-agent-identity/sign-in";
 *
 * const store = sqliteStore({ path: "./data/sign-ins.db" });
 * await store.start?.();
 * ```
 * @group Sign-in
 */
export function sqliteStore(options: SqliteStoreOptions): SignInStore {
  const { path, maxBytes, now } = readOptions("sqliteStore", sqliteStoreOptions, options);
  let records: Promise<Records> | undefined;
  let isClosed = false;

  // Not async: callers go on in the order in which they came, so that close() waits for all before it.
  const open = (): Promise<Records> => {
    if (isClosed) throw closed("sqliteStore()");
    records ??= openSqliteFile(path, maxBytes).then(
      (file) => newRecords(file, now),
      (error: unknown) => {
        records = undefined;
        throw error;
      },
    );
    return records;
  };

  const compareAndSet: SignInStore["compareAndSet"] = async (key, expected, value, ttlMs) => {
    const ttl = wholeTtl(ttlMs);
    return change(await open(), value.length, (step) => {
      if (liveRecord(step.records.file, key, step.at)?.value !== expected) return false;
      put(step, key, { written: step.at, ends: step.at + ttl, value });
      return true;
    });
  };

  return {
    shared: true,
    async start() {
      await open();
    },
    async get(key) {
      const { file } = await open();
      return whileBusy(file.path, () => {
        refuseMoved(file);
        return liveRecord(file, key, now())?.value;
      });
    },
    setIfAbsent: async (key, value, ttlMs) => compareAndSet(key, undefined, value, ttlMs),
    async increment(key, ttlMs) {
      const ttl = wholeTtl(ttlMs);
      return change(await open(), 0, (step) => {
        const before = liveRecord(step.records.file, key, step.at);
        const count = before === undefined ? 1 : Number(before.value) + 1;
        if (!Number.isSafeInteger(count))
          throw unavailable("increment: the value under this key is no counter.");
        const { written, ends } = before ?? { written: step.at, ends: step.at + ttl };
        put(step, key, { written, ends, value: String(count) });
        return count;
      });
    },
    compareAndSet,
    async take(key) {
      return change(await open(), 0, ({ records: { file }, at }) => {
        const before = liveRecord(file, key, at);
        if (before !== undefined) file.statements.remove.run(bytesOf(key));
        return before?.value;
      });
    },
    async delete(key) {
      await change(await open(), 0, ({ records: { file } }) => file.statements.remove.run(bytesOf(key)));
    },
    async scan(prefix, cursor, limit) {
      wholeLimit(limit);
      const { file } = await open();
      return whileBusy(file.path, () => {
        refuseMoved(file);
        return page(file, now(), prefix, cursor, limit);
      });
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      const opened = await records?.catch(() => undefined);
      if (opened === undefined) return;
      await opened.draining;
      closeSqliteFile(opened.file);
    },
  };
}

/** The options of {@link sqliteStore}. */
export const sqliteStoreOptions: OptionTable<SqliteStoreOptions, "maxBytes" | "now"> = {
  path: text("the path of a file"),
  maxBytes: orElse(bytes(1024 * 1024), 64 * 1024 * 1024),
  now: clock,
};

/** The records of a file, and the changes that wait for the next transaction. */
interface Records {
  readonly file: SqliteFile;
  readonly now: () => number;
  waiting: Change[];
  /** Settles when no change waits any more. */
  draining: Promise<void> | undefined;
  /** Where the search for ended records goes on, and when all were last searched. */
  sweptTo: Uint8Array;
  sweptAt: number;
  readonly openedAt: number;
}

/** A change that one transaction makes, alone or with others. */
interface Change {
  /** Of its value, about. */
  readonly bytes: number;
  /** Returns what tells the caller. */
  readonly work: (step: Step) => () => void;
  readonly failed: (error: unknown) => void;
}

interface Step {
  readonly records: Records;
  /** The time of its transaction. */
  readonly at: number;
}

/** One record. Times in milliseconds since 1970. */
interface StoredRecord {
  readonly written: number;
  readonly ends: number;
  readonly value: string;
}

const maxWaiting = 100_000;
/** How much one transaction does: the process does nothing else meanwhile. */
const batch = { changes: 64, bytes: 512 * 1024 } as const;
const hourMs = 3_600_000;
const none = new Uint8Array();

function newRecords(file: SqliteFile, now: () => number): Records {
  const openedAt = performance.now();
  return { file, now, waiting: [], draining: undefined, sweptTo: none, sweptAt: 0, openedAt };
}

/** Makes a change in the next transaction. Resolves when it is on the disk. */
function change<T>(records: Records, bytes: number, work: (step: Step) => T): Promise<T> {
  return new Promise((resolve, failed) => {
    if (records.waiting.length >= maxWaiting) {
      failed(unavailable("Too many calls wait for the disk.", { retryAfterMs: 1_000 }));
      return;
    }
    const tell = (step: Step): (() => void) => {
      try {
        const value = work(step);
        return () => resolve(value);
      } catch (error) {
        // What we refuse ourselves is refused before anything is written, and the others go on.
        if (isHostedAgentIdentityError(error)) return () => failed(error);
        throw error;
      }
    };
    records.waiting.push({ bytes, work: tell, failed });
    records.draining ??= drain(records);
  });
}

/** Changes that arrive at the same time share a transaction, and so the wait for the disk. */
async function drain(records: Records): Promise<void> {
  while (records.waiting.length > 0) {
    await new Promise((resolve) => setImmediate(resolve));
    await runBatch(records, nextBatch(records.waiting));
  }
  records.draining = undefined;
}

function nextBatch(waiting: Change[]): readonly Change[] {
  let size = 0;
  const end = waiting.findIndex((change, at) => {
    size += change.bytes;
    return at > 0 && (at >= batch.changes || size > batch.bytes);
  });
  return waiting.splice(0, end < 0 ? waiting.length : end);
}

async function runBatch(records: Records, changes: readonly Change[]): Promise<void> {
  const { file } = records;
  try {
    const tell = await whileBusy(file.path, () => transaction(records, changes));
    for (const one of tell) one();
  } catch (error) {
    const [only, ...others] = changes;
    // One of them may be what the disk or SQLite refuses: then the others are done without it.
    if (others.length === 0) only?.failed(asStoreError(file.path, error));
    else for (const change of changes) await runBatch(records, [change]);
  }
}

/** `BEGIN IMMEDIATE` waits for other writers before anything was read: what is read then stays true. */
function transaction(records: Records, changes: readonly Change[]): readonly (() => void)[] {
  const { file } = records;
  refuseMoved(file);
  file.statements.begin.run();
  try {
    const step = { records, at: records.now() };
    const tell = changes.map((change) => change.work(step));
    sweep(step, 4 * changes.length);
    file.statements.commit.run();
    return tell;
  } catch (error) {
    rollBack(file);
    throw error;
  }
}

/** Writes a record if there is room for it. Throws `store_unavailable` if not. */
function put(step: Step, key: string, { written, ends, value }: StoredRecord): void {
  const { file } = step.records;
  const [name, content] = [bytesOf(key), bytesOf(value)];
  const before = readRecord(file, key);
  const size = name.length + content.length + 32;
  // A change that takes no more room than before is never refused, so that a record can always be ended.
  if (before === undefined || content.length > bytesOf(before.value).length) {
    if (!fitsFile(file, size, shareOf(key))) sweepAll(step);
    if (!fitsFile(file, size, shareOf(key))) throw full(key, `maxBytes ${file.maxPages * 4096}`);
    refuseFullDisk(file, size);
  }
  file.statements.write.run(name, written, ends, content);
}

function liveRecord(file: SqliteFile, key: string, at: number): StoredRecord | undefined {
  const record = readRecord(file, key);
  return record !== undefined && isLive(record, at) ? record : undefined;
}

/**
 * Whether a record has not ended, by the wall clock, which all processes and restarts have in common. If the clock was
 * put back since it was written, it counts as older by that: a code is not valid for longer.
 */
function isLive({ written, ends }: Pick<StoredRecord, "written" | "ends">, at: number): boolean {
  return Math.abs(at - written) < ends - written;
}

/** Looks at a few records, and deletes those that have ended: each is found after one round at most. */
function sweep({ records, at }: Step, count: number): void {
  const { dated, remove } = records.file.statements;
  const rows = dated.all(records.sweptTo, count);
  for (const row of rows) {
    const { key, written, ends } = dates(records.file.path, row);
    if (isOver(records, { written, ends }, at)) remove.run(key);
    records.sweptTo = key;
  }
  if (rows.length < count) records.sweptTo = none;
}

/** At most once a second, so that writes to a full file stay cheap. */
function sweepAll(step: Step): void {
  const { records, at } = step;
  if (Math.abs(at - records.sweptAt) < 1_000) return;
  records.sweptAt = at;
  records.sweptTo = none;
  do sweep(step, 1_000);
  while (records.sweptTo.length > 0);
}

/**
 * Whether a record can be deleted. The clock may be wrong when a process starts, and right a little later: what lived
 * for longer than an hour is deleted only by a process that has run for one.
 */
function isOver({ openedAt }: Records, record: Pick<StoredRecord, "written" | "ends">, at: number): boolean {
  if (isLive(record, at)) return false;
  return record.ends - record.written <= hourMs || performance.now() - openedAt >= hourMs;
}

/** The records whose keys begin with `prefix`, from the key behind `cursor` on. */
function page(
  file: SqliteFile,
  at: number,
  prefix: string,
  cursor: string | undefined,
  limit: number,
): ScannedPage {
  const first = bytesOf(prefix);
  // No text has this byte in UTF-8, so all keys with the prefix come before.
  const end = Buffer.concat([first, Buffer.from([0xff])]);
  const after = cursor === undefined ? none : bytesOf(cursor);
  const rows = file.statements.range.all(after, first, end, limit).map((row) => stored(file.path, row));
  return {
    records: rows.filter((row) => isLive(row, at)).map(({ key, value }) => [key, value]),
    next: rows.length < limit ? undefined : rows.at(-1)?.key,
  };
}

function readRecord(file: SqliteFile, key: string): StoredRecord | undefined {
  const row = file.statements.read.get(bytesOf(key));
  return row === undefined ? undefined : stored(file.path, row);
}

function stored(path: string, row: unknown): StoredRecord & { readonly key: string } {
  const { key, written, ends } = dates(path, row);
  const { value } = Object(row);
  if (!(value instanceof Uint8Array)) throw damaged(path, "a record is of another type");
  return { key: textOf(key), written, ends, value: textOf(value) };
}

/** What a row says of a record's lifetime. Throws `store_corrupt` for what this store does not write. */
function dates(path: string, row: unknown): { key: Uint8Array; written: number; ends: number } {
  const { key, written, ends } = Object(row);
  if (key instanceof Uint8Array && Number.isSafeInteger(written) && Number.isSafeInteger(ends))
    return { key, written, ends };
  throw damaged(path, "a record is of another type");
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text);
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
