import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, it } from "vitest";
import { sqliteStore, type SignInStore } from "hosted-agent-identity/sign-in";
import { compiled } from "../../support/compiled.js";

const hour = 3_600_000;
const writer = compiled(new URL("sqlite-writer.ts", import.meta.url));

let folder: string;
let path: string;
const ends: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "store-"));
  path = join(folder, "sign-ins.db");
});

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await rm(folder, { recursive: true });
});

async function opened(): Promise<SignInStore> {
  const store = sqliteStore({ path });
  ends.push(async () => store.close?.());
  await store.start?.();
  return store;
}

it("what was reported stored survives kill -9 in the middle of writes, while another process goes on", async () => {
  const other = startWriter(10, "other");
  await other.wrote(1);
  let counted = 0;
  const rounds = [
    { size: 10, writes: 3 },
    { size: 10, writes: 25 },
    { size: 200_000, writes: 10 },
  ];
  for (const [round, { size, writes }] of rounds.entries()) {
    const name = `round ${round}`;
    const killed = startWriter(size, name);
    await killed.wrote(writes);
    const last = await killed.end();
    counted += last + 1;
    const store = await opened();
    // One more may have been stored than was reported, none less.
    const found = (await store.get(`${name}:${last}`)) ?? (await store.get(`${name}:${last + 1}`));
    expect(found?.length).toBe(size);
    await store.close?.();
  }
  const before = await other.wrote(0);
  await other.wrote(before + 5);
  const last = await other.end();
  const store = await opened();
  expect((await store.get(`other:${last}`)) ?? (await store.get(`other:${last + 1}`))).toBeDefined();
  // Each of the four may have counted once without saying so.
  const count = Number(await store.get("count"));
  expect(count).toBeGreaterThanOrEqual(counted + last + 1);
  expect(count).toBeLessThanOrEqual(counted + last + 1 + 4);
}, 60_000);

it.each(["SIGCONT", "SIGKILL"] as const)(
  "a process that is stopped in the middle of a write holds up writes for two seconds each, until %s",
  async (signal) => {
    const store = await opened();
    expect(await store.setIfAbsent("grant:before", "1", hour)).toBe(true);
    // Another program with the same file, such as a store in the middle of a transaction.
    const script = `
      const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
      const database = new DatabaseSync(process.argv[1]);
      database.exec("BEGIN IMMEDIATE; DELETE FROM records");
      process.stdout.write("holds");
      process.stdin.once("data", () => { database.exec("ROLLBACK"); process.exit(); });`;
    const holder = spawn(process.execPath, ["-e", script, path], { stdio: ["pipe", "pipe", "inherit"] });
    const ended = once(holder, "exit");
    ends.push(async () => holder.kill("SIGKILL"));
    await once(holder.stdout, "data");
    holder.kill("SIGSTOP");

    const refused = { code: "store_unavailable", category: "retry" };
    await expect(store.setIfAbsent("grant:held", "1", hour)).rejects.toMatchObject(refused);
    await expect(store.delete("grant:before")).rejects.toThrow("Another process holds");
    // Whoever only reads is not held up.
    expect(await store.get("grant:before")).toBe("1");
    expect(await store.get("grant:held")).toBeUndefined();

    const waiting = store.setIfAbsent("grant:held", "2", hour);
    holder.kill(signal);
    if (signal === "SIGCONT") holder.stdin.write("end");
    expect(await waiting).toBe(true);
    await ended;
    expect([await store.take("grant:before"), await store.take("grant:held")]).toEqual(["1", "2"]);
  },
  20_000,
);

/** Runs the writer in a process of its own. */
function startWriter(size: number, name: string) {
  const child = spawn(process.execPath, [writer, path, String(size), name], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  ends.push(async () => child.kill("SIGKILL"));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  let last = -1;
  const readLine = async (): Promise<boolean> => {
    const { value, done } = await lines.next();
    if (done !== true) last = Number(value);
    return done !== true;
  };
  return {
    /** Until it has reported this write; gives the last one that was read. */
    async wrote(count: number): Promise<number> {
      while (last < count) if (!(await readLine())) throw new Error("the writer ended by itself");
      return last;
    },
    /** Kills it; gives the last write that it reported. */
    async end(): Promise<number> {
      child.kill("SIGKILL");
      await ended;
      while (await readLine());
      return last;
    },
  };
}
