import { lockFile, type FileLock } from "./file-lock.js";
import { readLog, replaceLog, type FileLog } from "./file-log.js";
import { records, type RecordChange, type RecordLimits, type Records, type StoredRecord } from "./records.js";
import { errno, unavailable } from "./refusals.js";
import { isHostedAgentIdentityError, type HostedAgentIdentityError } from "../../errors.js";

/** The records of a file, and the queue of the steps that read or change them. */
export interface RecordsFile {
  readonly path: string;
  readonly lock: FileLock;
  readonly kept: Records;
  /** What the running batch changed, and what was there before. */
  readonly changed: Change[];
  log: FileLog;
  /** The size at which the file is written anew. */
  rewriteAt: number;
  waiting: Step[];
  /** Settles when no step waits any more. */
  draining: Promise<void> | undefined;
}

interface Change {
  readonly change: RecordChange;
  readonly before: StoredRecord | undefined;
}

/** Runs at once, and answers when the changes of its whole batch are on the disk. */
type Step = (kept: Records) => { readonly done: () => void; readonly failed: (error: unknown) => void };

const maxWaiting = 100_000;

/** Locks and reads the file. Throws what {@link lockFile} and {@link readLog} throw. */
export async function openRecordsFile(
  path: string,
  now: () => number,
  limits: RecordLimits,
): Promise<RecordsFile> {
  const lock = await lockFile(`${path}.lock`);
  try {
    const changed: Change[] = [];
    const kept = records(now, limits, (change, before) => changed.push({ change, before }));
    for (const change of await readLog(path)) kept.put(change);
    // Written anew, without expired records and without a line that a killed process left incomplete.
    const log = await replaceLog(path, kept.live());
    const rewriteAt = nextRewrite(log);
    return { path, lock, kept, changed, log, rewriteAt, waiting: [], draining: undefined };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Runs a step on the records. Resolves when what it changed is on the disk. */
export function runStep<T>(file: RecordsFile, work: (kept: Records) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    if (file.waiting.length >= maxWaiting) {
      reject(unavailable("Too many calls wait for the disk.", { retryAfterMs: 1_000 }));
      return;
    }
    file.waiting.push(stepOf(work, resolve, reject));
    file.draining ??= drain(file);
  });
}

/** Closes the file after the steps that wait. */
export async function closeRecordsFile(file: RecordsFile): Promise<void> {
  await file.draining;
  await file.log.close();
  await file.lock.release();
}

async function drain(file: RecordsFile): Promise<void> {
  while (file.waiting.length > 0) {
    const batch = file.waiting;
    file.waiting = [];
    await runBatch(file, batch);
    if (file.log.size > file.rewriteAt) await rewrite(file);
  }
  file.draining = undefined;
}

/** Steps that arrived during the last write share the next one: their changes are stored together or not at all. */
async function runBatch(file: RecordsFile, batch: readonly Step[]): Promise<void> {
  const { path, lock, kept, changed, log } = file;
  const results = batch.map((step) => step(kept));
  try {
    if (changed.length > 0) {
      await lock.confirm();
      await log.append(changed.map(({ change }) => change));
    }
    for (const { done } of results) done();
  } catch (error) {
    for (const { change, before } of changed.toReversed()) kept.put([change[0], before]);
    for (const { failed } of results) failed(asStoreError(path, error));
  } finally {
    changed.length = 0;
  }
}

async function rewrite(file: RecordsFile): Promise<void> {
  const old = file.log;
  try {
    await file.lock.confirm();
    file.log = await replaceLog(file.path, file.kept.live());
    await old.close();
  } catch {
    // The old file is still whole and in use. A write that fails reports it to its caller.
  }
  file.rewriteAt = nextRewrite(file.log);
}

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

/** So rarely that the cost of a rewrite disappears among the writes in between. */
function nextRewrite(log: FileLog): number {
  return Math.max(1024 * 1024, 2 * log.size);
}

/** `store_unavailable` for what the disk reports, and our own errors as they are. */
export function asStoreError(path: string, error: unknown): HostedAgentIdentityError {
  if (isHostedAgentIdentityError(error)) return error;
  const reason = errno(error) ?? "the disk refused";
  return unavailable(`The file ${JSON.stringify(path)} could not be used: ${reason}.`, { cause: error });
}
