import { mkdir, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { bytes, clock, count, orElse, text } from "../../options/checks.js";
import { readOptions, type OptionTable } from "../../options/option-table.js";
import { storeUnsuitableCauses } from "../../errors/causes/sign-in.js";
import { foundryEnvironment } from "../../foundry/environment.js";
import type { SignInStore } from "./store.js";
import {
  asStoreError,
  closeRecordsFile,
  openRecordsFile,
  runStep,
  type RecordsFile,
} from "./records-file.js";
import { recordSteps, type RecordLimits, type Records } from "./records.js";
import { closed, errno, unsuitable } from "./refusals.js";
import { type Runtime } from "../../runtime/runtime.js";

/**
 * Options of {@link fileStore}.
 * @group Sign-in
 */
export interface FileStoreOptions extends Pick<Runtime, "now"> {
  /** The file. A missing folder is created. `<path>.lock` and `<path>.new` belong to the store, too. */
  readonly path: string;
  /**
   * Default 100 000. A full store throws `store_unavailable`; it drops nothing that is live. Waiting messages may
   * fill half of it and of `maxBytes`, waiting codes three quarters. The rest is for grants.
   */
  readonly maxEntries?: number;
  /** In bytes, default 64 MiB; the file may grow to about twice that. */
  readonly maxBytes?: number;
}

/**
 * Stores sign-ins in a file, for one process that both serves sign-in and runs the agent. What was reported as stored
 * is on the disk: neither a killed process nor a power cut loses any of it.
 *
 * `start()` throws `store_unsuitable` when another process uses the file, and in a hosted sandbox, whose disk belongs
 * to one session: use `redisStore()` there. It throws `store_corrupt` when the file is damaged, and leaves the file as
 * it is. Every method throws `store_unavailable` when the disk refuses the write, and then nothing has changed;
 * `closed` after `close()`. After a crash in another container `start()` waits 6 seconds to see whether another
 * process holds the lock.
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
    file ??= openFile(path, now, { maxEntries, maxBytes }).catch((error: unknown) => {
      file = undefined;
      throw asStoreError(path, error);
    });
    return file;
  };

  const step = async <T>(work: (kept: Records) => T): Promise<T> => {
    if (isClosed) throw closed("fileStore()");
    return runStep(await open(), work);
  };

  return {
    shared: false,
    async start() {
      if (isClosed) throw closed("fileStore()");
      await open();
    },
    ...recordSteps(step),
    async close() {
      if (isClosed) return;
      isClosed = true;
      const opened = await file?.catch(() => undefined);
      if (opened !== undefined) await closeRecordsFile(opened);
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

async function openFile(path: string, now: () => number, limits: RecordLimits): Promise<RecordsFile> {
  refuseSandbox();
  return openRecordsFile(await realFile(path), now, limits);
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
