/**
 * A store of your own for `createSignIn()`: a Map, written to one file after each change. It shows
 * what a store has to promise; for production use `redisStore()`.
 *
 * Prerequisites: a folder that only this process writes to, and that its user alone can read. What is kept is
 * encrypted by `createSignIn()`; who may sign in how often stands in it, too.
 */
import { readFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { HostedAgentIdentityError } from "hosted-agent-identity";
import type { SignInStore } from "hosted-agent-identity/sign-in";

type Kept = readonly [value: string, expiresAt: number];

/** Reads the file, if there is one. One process at a time: nothing keeps a second one away. */
export function jsonFileStore(path: string): SignInStore {
  const kept = new Map<string, Kept>(readEntries(path));
  let written: Promise<void> = Promise.resolve();
  let closed = false;

  /** A step runs to its end without waiting, which makes it atomic. Its answer is given when it is on disk. */
  async function step<T>(work: () => T): Promise<T> {
    if (closed) throw new HostedAgentIdentityError("closed", "jsonFileStore() is closed.");
    const answer = work();
    // Also after a write that failed: nothing is answered from what is not on disk.
    if (saved !== changes) written = written.then(save, save);
    await written;
    return answer;
  }

  let changes = 0;
  let saved = 0;
  function put(key: string, value: string, expiresAt: number): void {
    kept.set(key, [value, expiresAt]);
    changes += 1;
  }
  function remove(key: string): void {
    if (kept.delete(key)) changes += 1;
  }
  function live(key: string): Kept | undefined {
    const entry = kept.get(key);
    return entry !== undefined && entry[1] > Date.now() ? entry : undefined;
  }

  /** Writes beside the file and puts it in its place, so that a crash leaves the old one or the new one. */
  async function save(): Promise<void> {
    // One write serves every step that was taken while the last one ran.
    if (saved === changes) return;
    const upTo = changes;
    for (const [key, [, expiresAt]] of kept) if (expiresAt <= Date.now()) kept.delete(key);
    const file = await open(`${path}.new`, "w", 0o600);
    try {
      await file.writeFile(JSON.stringify([...kept]));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
    saved = upTo;
  }

  return {
    // Two processes would overwrite each other's file: createSignIn() then knows that grants are in one place only.
    shared: false,
    get: (key) => step(() => live(key)?.[0]),
    setIfAbsent: (key, value, ttlMs) =>
      step(() => {
        const end = endOf(ttlMs);
        if (live(key) !== undefined) return false;
        put(key, value, end);
        return true;
      }),
    increment: (key, ttlMs) =>
      step(() => {
        // The first call starts the lifetime; later ones do not extend it.
        const end = endOf(ttlMs);
        const [count, expiresAt] = live(key) ?? ["0", end];
        const next = Number(count) + 1;
        put(key, String(next), expiresAt);
        return next;
      }),
    compareAndSet: (key, expected, value, ttlMs) =>
      step(() => {
        const end = endOf(ttlMs);
        if (live(key)?.[0] !== expected) return false;
        put(key, value, end);
        return true;
      }),
    take: (key) =>
      step(() => {
        const value = live(key)?.[0];
        remove(key);
        return value;
      }),
    delete: (key) => step(() => remove(key)),
    // Optional: for the lists of operators. Pages in the order of the keys, so the last one is where the next begins.
    scan: (prefix, cursor, limit) =>
      step(() => {
        if (!Number.isSafeInteger(limit) || limit < 1) throw new RangeError("A page has 1 record or more.");
        const records: [string, string][] = [];
        for (const key of [...kept.keys()].sort()) {
          const value = live(key)?.[0];
          if (value === undefined || !key.startsWith(prefix) || key <= (cursor ?? "")) continue;
          records.push([key, value]);
          if (records.length === limit) return { records, next: key };
        }
        return { records, next: undefined };
      }),
    async close() {
      closed = true;
      await written;
    },
  };
}

/** A lifetime that is no number would make a record that never ends, or never was. */
function endOf(ttlMs: number): number {
  if (!Number.isFinite(ttlMs) || ttlMs <= 0) throw new RangeError("A lifetime is more than 0 milliseconds.");
  return Date.now() + ttlMs;
}

function readEntries(path: string): readonly (readonly [string, Kept])[] {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as readonly (readonly [string, Kept])[];
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    // Beginning anew would sign everybody out without a word.
    throw new HostedAgentIdentityError("store_corrupt", "jsonFileStore: the file cannot be read.", { cause });
  }
}
