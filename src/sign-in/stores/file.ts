import { mkdir, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { bytes, clock, count, orElse, text } from "../../options/checks.js";
import { isHostedAgentIdentityError, type HostedAgentIdentityError } from "../../errors.js";
import { readOptions, type OptionTable } from "../../options/option-table.js";
import { storeUnsuitableCauses } from "../../errors/causes/sign-in.js";
import { foundryEnvironment } from "../../foundry/environment.js";
import type { SignInStore } from "./store.js";
import { lockFile, type FileLock } from "./file-lock.js";
import { readLog, replaceLog, type FileLog } from "./file-log.js";
import { records, type RecordChange, type RecordLimits, type Records, type StoredRecord } from "./records.js";
import { closed, errno, unavailable, unsuitable } from "./refusals.js";
import { type Runtime } from "../../runtime/runtime.js";

/**
 * Options of {@link fileStore}.
 * @group Sign-in
 */
export interface FileStoreOptions extends Pick<Runtime, "now"> {
  /** The file; its folder is made when missing. `<path>.lock` and `<path>.new` beside it are ours, too. */
  readonly path: string;
  /**
   * Default 100 000. A full store refuses with `store_unavailable`; it forgets nothing that is live. Kept prompts
   * may fill half of it and of `maxBytes`, codes that are waited for three quarters: the rest is for grants.
   */
  readonly maxEntries?: number;
  /** In bytes, default 64 MiB; the file may grow to about twice that. */
  readonly maxBytes?: number;
}

/**
 * Keeps sign-ins in a file, for one process that both serves sign-in and runs the agent. What was reported
 * stored is on the disk: killing the process at any moment, or a power cut, loses none of it.
 *
 * `start()` throws `store_unsuitable` when another process uses the file and in a hosted sandbox, whose disk
 * belongs to one session: share a `redisStore()` there. It throws `store_corrupt` when the file is damaged,
 * and leaves it as it is. Every method throws `store_unavailable` when the disk does not take the write, and
 * then nothing has changed; `closed` after `close()`. After a crash in another container `start()` waits
 * 6 seconds to see that nobody holds the lock.
 *
 * Entry point: `hosted-agent-identity/sign-in`.
 *
 * @example
 * ```ts
 * import { fileStore } from "hosted-agent-identity/sign-in";
 *
 * const store = fileStore({ path: "./data/sign-ins" });
 * await store.start?.();
 * ```
 * @group Sign-in
 */
export function fileStore(options: FileStoreOptions): SignInStore {
  const { path, maxEntries, maxBytes, now } = readOptions("fileStore", fileStoreOptions, options);
  let file: Promise<RecordsFile> | undefined;
  let isClosed = false;

  const open = (): Promise<RecordsFile> => {
    file ??= openRecordsFile(path, now, { maxEntries, maxBytes }).catch((error: unknown) => {
      file = undefined;
      throw asStoreError(path, error);
    });
    return file;
  };

  const step = async <T>(work: (kept: Records) => T): Promise<T> => {
    if (isClosed) throw closed("fileStore()");
    return (await open()).run(work);
  };

  return {
    shared: false,
    async start() {
      if (isClosed) throw closed("fileStore()");
      await open();
    },
    get: (key) => step((at) => at.get(key)),
    setIfAbsent: (key, value, ttlMs) => step((at) => at.setIfAbsent(key, value, ttlMs)),
    increment: (key, ttlMs) => step((at) => at.increment(key, ttlMs)),
    compareAndSet: (key, expected, value, ttlMs) =>
      step((at) => at.compareAndSet(key, expected, value, ttlMs)),
    take: (key) => step((at) => at.take(key)),
    delete: (key) => step((at) => at.delete(key)),
    async close() {
      if (isClosed) return;
      isClosed = true;
      await (await file?.catch(() => undefined))?.close();
    },
  };
}

/** The options of {@link fileStore}. */
export const fileStoreOptions: OptionTable<FileStoreOptions, "maxEntries" | "maxBytes" | "now"> = {
  path: text("the path of a file"),
  maxEntries: orElse(count(), 100_000),
  maxBytes: orElse(bytes(), 64 * 1024 * 1024),
  now: clock,
};

/** The records of the file, and the one line in which everything waits that reads or changes them. */
interface RecordsFile {
  run<T>(work: (kept: Records) => T): Promise<T>;
  close(): Promise<void>;
}

async function openRecordsFile(given: string, now: () => number, limits: RecordLimits): Promise<RecordsFile> {
  refuseSandbox();
  const path = await realFile(given);
  const lock = await lockFile(`${path}.lock`);
  try {
    const changed: { change: RecordChange; before: StoredRecord | undefined }[] = [];
    const kept = records(now, limits, (change, before) => changed.push({ change, before }));
    for (const change of await readLog(path)) kept.put(change);
    // Written anew: without what has expired, and without a line that a killed process left half written.
    return recordsFile(path, lock, kept, changed, await replaceLog(path, kept.live()));
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function recordsFile(
  path: string,
  lock: FileLock,
  kept: Records,
  changed: { change: RecordChange; before: StoredRecord | undefined }[],
  firstLog: FileLog,
): RecordsFile {
  let log = firstLog;
  let rewriteAt = nextRewrite(log);
  let waiting: Step[] = [];
  let draining: Promise<void> | undefined;

  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await settleTogether(batch);
      if (log.size > rewriteAt) await rewrite();
    }
    draining = undefined;
  };

  /** All that arrived during the last write shares one write: its changes count together or not at all. */
  const settleTogether = async (batch: readonly Step[]): Promise<void> => {
    const settle = batch.map((step) => step(kept));
    try {
      if (changed.length > 0) await keepChanges();
      for (const { done } of settle) done();
    } catch (error) {
      for (const { change, before } of changed.toReversed()) kept.put([change[0], before]);
      for (const { failed } of settle) failed(asStoreError(path, error));
    } finally {
      changed.length = 0;
    }
  };

  const keepChanges = async (): Promise<void> => {
    await lock.confirm();
    await log.append(changed.map(({ change }) => change));
  };

  const rewrite = async (): Promise<void> => {
    const old = log;
    try {
      await lock.confirm();
      log = await replaceLog(path, kept.live());
      await old.close();
    } catch {
      // The old file is still whole and in use; a write that fails says so to whoever asked for it.
    }
    rewriteAt = nextRewrite(log);
  };

  return {
    run: (work) =>
      new Promise((resolve, reject) => {
        if (waiting.length >= maxWaiting) {
          reject(unavailable("Too many calls wait for the disk.", { retryAfterMs: 1_000 }));
          return;
        }
        waiting.push(stepOf(work, resolve, reject));
        draining ??= drain();
      }),
    async close() {
      await draining;
      await log.close();
      await lock.release();
    },
  };
}

const maxWaiting = 100_000;

/** Runs at once, and answers when what the whole batch changed is on the disk. */
type Step = (kept: Records) => { readonly done: () => void; readonly failed: (error: unknown) => void };

function stepOf<T>(
  work: (kept: Records) => T,
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
): Step {
  return (kept) => {
    try {
      const value = work(kept);
      return { done: () => resolve(value), failed: reject };
    } catch (error) {
      return { done: () => reject(error), failed: reject };
    }
  };
}

/** When the file is worth writing anew: so rarely that its cost disappears among the writes in between. */
function nextRewrite(log: FileLog): number {
  return Math.max(1024 * 1024, 2 * log.size);
}

function refuseSandbox(): void {
  if (!foundryEnvironment(process.env).hosted) return;
  throw unsuitable(
    "fileStore() keeps nothing in a hosted sandbox: its disk belongs to one session.",
    storeUnsuitableCauses.sandbox,
  );
}

/** Behind symbolic links, so that two names of one file have one lock. */
async function realFile(given: string): Promise<string> {
  const path = resolve(given);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    return await realpath(path);
  } catch (error) {
    if (errno(error) !== "ENOENT") throw error;
    return join(await realpath(dirname(path)), basename(path));
  }
}

function asStoreError(path: string, error: unknown): HostedAgentIdentityError {
  if (isHostedAgentIdentityError(error)) return error;
  const reason = errno(error) ?? "the disk refused";
  return unavailable(`The file ${JSON.stringify(path)} could not be used: ${reason}.`, { cause: error });
}
