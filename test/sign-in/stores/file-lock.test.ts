import type * as fs from "node:fs/promises";
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { lockFile } from "../../../src/sign-in/stores/file-lock.js";

/** Lets another process in between the look at a lock and the step that moves it aside. */
const meanwhile = vi.hoisted(() => ({ happens: async (): Promise<unknown> => undefined }));
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof fs>();
  const rename: typeof real.rename = async (from, to) => {
    const happens = meanwhile.happens;
    meanwhile.happens = async () => undefined;
    await happens();
    await real.rename(from, to);
  };
  return { ...real, rename };
});

const heartbeatMs = 20;
let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lock-"));
  path = join(folder, "lock");
});
afterEach(() => rm(folder, { recursive: true }));

const inUse = expect.objectContaining({
  code: "store_unsuitable",
  help: expect.stringContaining("redisStore()"),
});

/** What a process like this one, as `different` says, would have written. */
async function leaveLock(different: object): Promise<void> {
  const lock = await lockFile(path, heartbeatMs);
  const holder = JSON.parse(await readFile(path, "utf8")) as object;
  await lock.release();
  await writeFile(path, JSON.stringify({ ...holder, ...different }));
}

it("is held by one, and free again when that one lets go", async () => {
  const lock = await lockFile(path, heartbeatMs);
  await lock.confirm();
  await expect(lockFile(path, heartbeatMs)).rejects.toThrow(inUse);
  await lock.release();
  expect(await readdir(folder)).toEqual([]);
  await (await lockFile(path, heartbeatMs)).release();
});

it.each([
  ["a process that has ended", { pid: 2 ** 22 + 1 }],
  ["a process whose id was given to another one", { startedAt: "1" }],
  ["another container or machine that gives no sign of life", { place: "elsewhere" }],
])("what %s left behind is taken over", async (_, different) => {
  await leaveLock(different);
  const lock = await lockFile(path, heartbeatMs);
  await lock.confirm();
  expect(await readdir(folder)).toEqual(["lock"]);
  await lock.release();
});

it.each(["", '{"pid":', "null", '{"pid":0,"startedAt":"","place":"","token":""}'])(
  "what a process left half written is taken over: %j",
  async (text) => {
    await writeFile(path, text);
    await (await lockFile(path, heartbeatMs)).release();
    expect(await readdir(folder)).toEqual([]);
  },
);

it("another container or machine that gives a sign of life keeps it", async () => {
  await leaveLock({ place: "elsewhere" });
  const beat = setInterval(() => void utimes(path, new Date(), new Date()), heartbeatMs);
  try {
    await expect(lockFile(path, heartbeatMs)).rejects.toThrow(inUse);
  } finally {
    clearInterval(beat);
  }
});

it("a holder gives signs of life, as often as others wait for them", async () => {
  const lock = await lockFile(path, heartbeatMs);
  const holder = JSON.parse(await readFile(path, "utf8")) as object;
  // As seen from elsewhere: the process id says nothing there.
  await writeFile(path, JSON.stringify({ ...holder, place: "elsewhere" }));
  await expect(lockFile(path, 10 * heartbeatMs)).rejects.toThrow(inUse);
  await lock.release();
});

it("of many that find a stale one at the same moment, one gets it", async () => {
  for (let round = 0; round < 20; round += 1) {
    await leaveLock({ startedAt: "1" });
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockFile(path, heartbeatMs)));
    const locks = tries.flatMap((tried) => (tried.status === "fulfilled" ? [tried.value] : []));
    const sure = await Promise.allSettled(locks.map((lock) => lock.confirm()));
    expect(sure.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const lock of locks) await lock.release();
  }
});

it("a stale one that another process takes over in between stays that process's", async () => {
  await leaveLock({ startedAt: "1" });
  let first = undefined as Awaited<ReturnType<typeof lockFile>> | undefined;
  meanwhile.happens = async () => (first = await lockFile(path, heartbeatMs));
  await expect(lockFile(path, heartbeatMs)).rejects.toThrow(inUse);
  await first?.confirm();
  expect(await readdir(folder)).toEqual(["lock"]);
  await first?.release();
  expect(await readdir(folder)).toEqual([]);
});
