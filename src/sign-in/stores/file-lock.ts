import { inBackground } from "../../async/background-timer.js";
import { constants } from "node:fs";
import { copyFile, open, readFile, readlink, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { readIfThere } from "./read-if-there.js";
import { errno, unavailable, unsuitable } from "./refusals.js";
import { storeUnavailableCauses, storeUnsuitableCauses } from "../../errors/causes/sign-in.js";

/** A lock file that is ours. */
export interface FileLock {
  /** Throws `store_unavailable` when another process has taken the lock. Then nothing may be written. */
  confirm(): Promise<void>;
  /** Deletes the lock file, if it is still ours. */
  release(): Promise<void>;
}

/** The process that holds a lock, as its lock file names it. */
interface LockHolder {
  readonly pid: number;
  /** When the process started, as the system counts it: process ids are reused, but not with the same start. */
  readonly startedAt: string;
  /** Where process ids are comparable: host, boot and pid namespace. Each container has its own. */
  readonly place: string;
  /** Random: it identifies our own lock. */
  readonly token: string;
}

/**
 * Takes the lock file, or throws `store_unsuitable` when another process holds it. The lock of a killed process is
 * taken over: at once where its process id can be looked up, otherwise (another container or machine) when the file
 * has shown no heartbeat for three intervals.
 */
export async function lockFile(path: string, heartbeatMs = 2_000): Promise<FileLock> {
  const mine: LockHolder = { ...(await thisProcess()), token: randomBytes(16).toString("hex") };
  for (let attempt = 0; attempt < 3; attempt += 1) {
    if (await create(path, mine)) return held(path, mine.token, heartbeatMs);
    const seen = await readIfThere(path);
    if (seen === undefined) continue;
    if (await isAlive(path, seen, mine, heartbeatMs)) throw heldByAnother(path, seen);
    await removeStale(path, seen, mine.token);
  }
  throw heldByAnother(path, (await readIfThere(path)) ?? "");
}

function held(path: string, token: string, heartbeatMs: number): FileLock {
  const heartbeat = inBackground(
    setInterval(() => {
      const now = new Date();
      // A failed heartbeat is no error: the next write confirms the lock anyway.
      utimes(path, now, now).catch(() => undefined);
    }, heartbeatMs),
  );
  const isOurs = async (): Promise<boolean> => holderIn((await readIfThere(path)) ?? "")?.token === token;
  return {
    async confirm() {
      // Checked twice: another process moves the file away for a moment to see whether it is stale.
      if ((await isOurs()) || (await sleep(50, undefined, { ref: false }), await isOurs())) return;
      throw unavailable(
        `The lock file ${JSON.stringify(path)} is no longer this process's.`,
        storeUnavailableCauses.lockLost,
      );
    },
    async release() {
      clearInterval(heartbeat);
      if (await isOurs()) await rm(path, { force: true });
    },
  };
}

/** `O_EXCL`: of several processes, one creates the file. */
async function create(path: string, holder: LockHolder): Promise<boolean> {
  try {
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(JSON.stringify(holder));
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if (errno(error) === "EEXIST") return false;
    throw error;
  }
}

async function isAlive(path: string, seen: string, mine: LockHolder, heartbeatMs: number): Promise<boolean> {
  const holder = holderIn(seen);
  if (holder !== undefined && holder.place === mine.place) {
    return (await startOf(holder.pid)) === holder.startedAt;
  }
  // Half written, or by a process that is not visible from here: wait for a heartbeat.
  const before = await beatOf(path);
  await sleep(3 * heartbeatMs);
  return (await beatOf(path)) !== before || (await readIfThere(path)) !== seen;
}

/**
 * Moves the stale file aside, which only one process can do, and reads it again: if another process has taken the
 * lock over in the meantime, its file is put back.
 */
async function removeStale(path: string, seen: string, token: string): Promise<void> {
  const aside = `${path}.${token}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (errno(error) === "ENOENT") return;
    throw error;
  }
  if ((await readIfThere(aside)) !== seen) {
    await copyFile(aside, path, constants.COPYFILE_EXCL).catch(() => undefined);
  }
  await rm(aside, { force: true });
}

async function thisProcess(): Promise<Omit<LockHolder, "token">> {
  const startedAt = (await startOf(process.pid)) ?? "";
  const [boot, namespace] = await Promise.all([
    readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => ""),
    readlink("/proc/self/ns/pid").catch(() => ""),
  ]);
  return { pid: process.pid, startedAt, place: [hostname(), boot.trim(), namespace].join(" ") };
}

/** When a process started, or `undefined` when there is none. proc(5): field 22 of stat, `starttime`. */
async function startOf(pid: number): Promise<string | undefined> {
  if (process.platform !== "linux") return signalReaches(pid) ? "running" : undefined;
  const line = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The second field, the program's name, may hold spaces and parentheses: count from the last one.
  const fields = line?.slice(line.lastIndexOf(")") + 2).split(" ");
  // A zombie has ended: it only waits for its parent.
  return fields?.[0] === "Z" ? undefined : fields?.[19];
}

function signalReaches(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errno(error) === "EPERM";
  }
}

function holderIn(text: string): LockHolder | undefined {
  try {
    const { pid, startedAt, place, token } = JSON.parse(text) as Partial<Record<keyof LockHolder, unknown>>;
    const whole =
      Number.isSafeInteger(pid) &&
      (pid as number) > 0 &&
      [startedAt, place, token].every((field) => typeof field === "string");
    return whole ? (JSON.parse(text) as LockHolder) : undefined;
  } catch {
    return undefined;
  }
}

function heldByAnother(path: string, seen: string): Error {
  const pid = holderIn(seen)?.pid;
  const who = pid === undefined ? "another process" : pid === process.pid ? "this process" : `process ${pid}`;
  return unsuitable(
    `The file is in use by ${who}: ${JSON.stringify(path)} is its lock.`,
    storeUnsuitableCauses.inUse,
  );
}

async function beatOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.mtimeMs;
}
