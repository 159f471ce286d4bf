import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { isHostedAgentIdentityError } from "hosted-agent-identity";
import { sqliteStore, type SignInStore, type SqliteStoreOptions } from "hosted-agent-identity/sign-in";
import { signInStoreSuite } from "hosted-agent-identity/testing";
import { asStoreError, closeSqliteFile, openSqliteFile } from "../../../src/sign-in/stores/sqlite-file.js";
import { compiled } from "../../support/compiled.js";

const hour = 3_600_000;
const day = 24 * hour;

let path: string;
const opened: SignInStore[] = [];
/** Closed first: a store waits for what they hold. */
const programs: Sqlite[] = [];

beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), "store-")), "data", "sign-ins.db");
});

afterEach(async () => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
  for (const program of programs.splice(0)) program.close();
  for (const store of opened.splice(0)) await store.close?.();
  await rm(dirname(dirname(path)), { recursive: true });
});

async function open(options: Partial<SqliteStoreOptions> = {}): Promise<SignInStore> {
  const store = sqliteStore({ path, ...options });
  opened.push(store);
  await store.start?.();
  return store;
}

/** Another program with the same file, such as `sqlite3`. */
interface Sqlite {
  exec(sql: string): void;
  prepare(sql: string): { all(): Record<string, unknown>[]; run(...values: unknown[]): unknown };
  close(): void;
}
function sqlite(file = path): Sqlite {
  const module = process.getBuiltinModule("node:sqlite") as { DatabaseSync: new (path: string) => Sqlite };
  return new module.DatabaseSync(file);
}

function rows(): readonly Record<string, unknown>[] {
  const database = sqlite();
  try {
    return database.prepare("SELECT CAST(key AS TEXT) AS key, written, ends FROM records").all();
  } finally {
    database.close();
  }
}

const coded = (code: string, message = "", help = "") =>
  expect.objectContaining({
    code,
    message: expect.stringContaining(message) as string,
    help: expect.stringContaining(help) as string,
  });

async function refusal(step: Promise<unknown> | undefined): Promise<string> {
  const error = await step?.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  return isHostedAgentIdentityError(error) ? error.code : String(error);
}

describe("sqliteStore()", () => {
  let files = 0;
  const connect = (): SignInStore => sqliteStore({ path: `${path}-${files}` });
  const suite = signInStoreSuite({
    name: "sqlite",
    races: 100,
    open: async () => {
      files += 1;
      return [connect(), connect()];
    },
  });
  it.each(suite.map(({ name, run }) => [name, run] as const))("%s", (_, run) =>
    expect(run()).resolves.toBeUndefined(),
  );
});

describe("what was reported stored", () => {
  it("is there after a restart, with its lifetime; only the owner can read the files", async () => {
    let now = 1_000_000;
    const first = await open({ now: () => now });
    await first.setIfAbsent("short", "a", 1_000);
    await first.setIfAbsent("long", "b", hour);
    await first.setIfAbsent("taken", "c", hour);
    await first.take("taken");
    await first.increment("count", 1_000);
    await first.increment("count", hour);
    const names = await readdir(dirname(path));
    expect(names.toSorted()).toEqual(["sign-ins.db", "sign-ins.db-shm", "sign-ins.db-wal"]);
    for (const name of names) expect((await stat(join(dirname(path), name))).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(path))).mode & 0o777).toBe(0o700);
    await first.close?.();
    expect(await readdir(dirname(path))).toEqual(["sign-ins.db"]);

    now += 500;
    const second = await open({ now: () => now });
    expect(await second.get("short")).toBe("a");
    expect(await second.get("long")).toBe("b");
    expect(await second.get("taken")).toBeUndefined();
    expect(await second.increment("count", hour)).toBe(3);
    now += 500;
    expect(await second.get("short")).toBeUndefined();
    expect(await second.get("count")).toBeUndefined();
  });

  it("stays when the store is closed while thousands wait, and when one of them is refused", async () => {
    const store = await open({ maxBytes: 1024 * 1024 });
    const large = "x".repeat(2 * 1024 * 1024);
    const steps = Promise.allSettled(
      Array.from({ length: 2_000 }, (_, n) =>
        store.setIfAbsent(`grant:${n}`, n === 1_000 ? large : "s", hour),
      ),
    );
    await store.close?.();
    const ended = await steps;
    expect(ended.flatMap((step, n) => (step.status === "rejected" ? [[n, step.reason]] : []))).toEqual([
      [1_000, coded("store_unavailable", "maxBytes 1048576")],
    ]);
    expect(rows()).toHaveLength(1_999);
  });

  it("is listed page by page, live records alone", async () => {
    let now = 1_000_000;
    const store = await open({ now: () => now });
    for (const n of [1, 2, 3, 4, 5]) await store.setIfAbsent(`grant:${n}`, `value ${n}`, n === 2 ? 10 : hour);
    for (const key of ["grant", "grant;", "grants:1", "pin:1"]) await store.setIfAbsent(key, "x", hour);
    now += 10;
    const found: (readonly [string, string])[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await store.scan?.("grant:", cursor, 2);
      expect(page?.records.length).toBeLessThanOrEqual(2);
      found.push(...(page?.records ?? []));
      cursor = page?.next;
      pages += 1;
    } while (cursor !== undefined);
    expect(found).toEqual([1, 3, 4, 5].map((n) => [`grant:${n}`, `value ${n}`]));
    expect(pages).toBe(3);
    expect((await store.scan?.("", undefined, 100))?.records).toHaveLength(8);
  });
});

describe("a full disk", () => {
  it("refuses writes with a code, keeps what was stored, and deletes; room helps at once", async () => {
    const disk = join(dirname(dirname(path)), "disk");
    const script = `mkdir "${disk}" && mount -t tmpfs -o size=12m tmpfs "${disk}" && exec "$0" "$@"`;
    const program = compiled(new URL("sqlite-on-full-disk.ts", import.meta.url));
    const args = ["--map-root-user", "--mount", "sh", "-c", script, process.execPath, program, disk];
    // A disk of its own, which only that process sees and which goes with it.
    const { stdout } = await promisify(execFile)("unshare", args).catch((cause: unknown) => {
      throw new Error("This needs a small disk: run it as root, or where users may make namespaces.", {
        cause,
      });
    });
    const full = expect.stringMatching(/^store_unavailable: Free some space/) as string;
    expect(JSON.parse(stdout)).toEqual({
      stored: expect.any(Number) as number,
      full,
      "all are there": true,
      "enough were stored": true,
      "the refused one": "none",
      "a small one": full,
      "free for deletions": true,
      "after a deletion": true,
      "nothing is free": true,
      "when others fill the disk": full,
      "a deletion then": true,
      "what is there then": true,
      "a start then": full,
      "after a start then": full,
      "with room again": true,
      "all are there again": true,
    });
  });
});

describe("a full store", () => {
  const orders = ["prompt", "state", "pending", "tries", "grant"];

  it("refuses what is thrown away first, keeps the file small, and lets every record be ended", async () => {
    const store = await open({ maxBytes: 1024 * 1024 });
    const value = "x".repeat(12_000);
    const held: Record<string, number> = {};
    for (const kind of orders) {
      held[kind] = 0;
      while ((await refusal(store.setIfAbsent(`${kind}:${held[kind]}`, value, hour))) === "undefined")
        held[kind] += 1;
    }
    const { prompt = 0, state = 0, grant = 0 } = held;
    // Each takes 12 to 16 kB of 1 MiB.
    expect(prompt).toBeGreaterThan(25);
    expect(state).toBeGreaterThan(10);
    expect(grant).toBeGreaterThan(10);
    expect(held).toMatchObject({ pending: 0, tries: 0 });
    await expect(store.setIfAbsent("prompt:more", "x", hour)).rejects.toThrow(
      coded("store_unavailable", "kept for grants", "maxBytes"),
    );
    expect(await store.compareAndSet("prompt:0", value, "smaller", hour)).toBe(true);
    expect(await store.compareAndSet("state:0", value, value.replace("x", "y"), hour)).toBe(true);
    for (const kind of orders)
      for (let n = 0; n < (held[kind] ?? 0); n += 1) expect(await store.take(`${kind}:${n}`)).toBeDefined();
    expect(await store.setIfAbsent("prompt:again", value, hour)).toBe(true);
    await store.close?.();
    expect((await stat(path)).size).toBeLessThanOrEqual(1024 * 1024);
  });

  it("deletes records in any order, however full the file is", async () => {
    const store = await open({ maxBytes: 1024 * 1024 });
    const key = (n: number): string => `grant:${String((n * 7919) % 100_003).padStart(6, "0")}`;
    const written = await Promise.allSettled(
      Array.from({ length: 3_000 }, (_, n) =>
        store.setIfAbsent(key(n), "x".repeat(50 + ((n * 37) % 900)), hour),
      ),
    );
    // Some of the last do not fit.
    expect(written.filter(({ status }) => status === "rejected").length).toBeGreaterThan(100);
    expect(written.filter(({ status }) => status === "fulfilled").length).toBeGreaterThan(1_000);
    const deleted = await Promise.allSettled(written.map((_, n) => store.delete(key(n))));
    expect(deleted.filter(({ status }) => status === "rejected")).toEqual([]);
    expect((await store.scan?.("", undefined, 1))?.records).toEqual([]);
  });

  it("has the bound of SQLite itself behind that, which deletions pass in any order", async () => {
    const most = 1024 * 1024;
    await (await open({ maxBytes: most })).close?.();
    const file = await openSqliteFile(path, most);
    try {
      const key = (n: number): Uint8Array => Buffer.from(`grant:${(n * 7919) % 100_003}`);
      const pages = (): number => Number(Object(file.statements.pages.get()).page_count);
      let count = 0;
      const write = (): void => {
        file.statements.write.run(key(count), 0, hour, Buffer.alloc(50 + ((count * 37) % 900)));
        count += 1;
      };
      // What the store asks first is left out. SQLite takes a whole transaction back when it is full.
      file.statements.begin.run();
      while (pages() < most / 4096 - 16) write();
      file.statements.commit.run();
      let refused: unknown;
      while (refused === undefined && count < 10_000) {
        try {
          write();
        } catch (error) {
          refused = asStoreError(path, error);
        }
      }
      expect(refused).toEqual(coded("store_unavailable", "full"));
      // A statement that would have needed more pages than were left took none.
      expect(pages()).toBeGreaterThan(most / 4096 - 8);
      expect(pages()).toBeLessThanOrEqual(most / 4096);
      file.statements.begin.run();
      for (let n = 0; n < count; n += 1) file.statements.remove.run(key(n));
      file.statements.commit.run();
      expect(file.statements.dated.all(new Uint8Array(), 1)).toEqual([]);
    } finally {
      closeSqliteFile(file);
    }
    expect((await stat(path)).size).toBeLessThanOrEqual(most);
  });

  it("takes new records when old ones have ended, and drops those bit by bit", async () => {
    let now = 1_000_000;
    const store = await open({ maxBytes: 1024 * 1024, now: () => now });
    const value = "x".repeat(12_000);
    let n = 0;
    while ((await refusal(store.setIfAbsent(`grant:${n}`, value, 1_000))) === "undefined") n += 1;
    now += 1_000;
    expect(await store.setIfAbsent("grant:next", value, hour)).toBe(true);
    for (let more = 0; more < 50; more += 1) await store.increment("count", hour);
    expect(rows().map(({ key }) => key)).toEqual(["count", "grant:next"]);
  });
});

describe("a clock that was wrong for a start", () => {
  const right = Date.UTC(2026, 10, 30);
  const wrong = [
    ["decades ahead", Date.UTC(2060, 0, 1)],
    ["in 1970", 5_000],
    ["a day ahead", right + day],
    ["a day behind", right - day],
  ] as const;

  it.each(wrong)("%s ends no grant, and makes no code valid for longer", async (_, at) => {
    const before = await open({ now: () => right });
    await before.setIfAbsent("grant:kept", "sealed", 90 * day);
    await before.setIfAbsent("pending:before", "code", 5 * 60_000);
    await before.close?.();

    const during = await open({ now: () => at });
    expect(await during.get("pending:before")).toBeUndefined();
    await during.setIfAbsent("pending:during", "code", 5 * 60_000);
    await during.increment("tries:during", 5 * 60_000);
    // So many writes that each record was looked at, and deleted if it may be.
    for (let n = 0; n < 50; n += 1) await during.increment("count", hour);
    await during.close?.();

    const after = await open({ now: () => right + 60_000 });
    expect(await after.get("grant:kept")).toBe("sealed");
    expect(await after.get("pending:during")).toBeUndefined();
    expect(await after.increment("tries:during", 60_000)).toBe(1);
  });

  it("deletes long-lived records that have ended only after an hour at work", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    let now = right;
    const store = await open({ now: () => now });
    await store.setIfAbsent("grant:ended", "sealed", day);
    await store.setIfAbsent("pending:ended", "code", 5 * 60_000);
    now += day;
    const look = async (): Promise<unknown[]> => {
      for (let n = 0; n < 4; n += 1) await store.delete("nothing");
      return rows().map(({ key }) => key);
    };
    expect(await look()).toEqual(["grant:ended"]);
    expect(await store.get("grant:ended")).toBeUndefined();
    vi.advanceTimersByTime(hour);
    expect(await look()).toEqual([]);
  });

  it("put back while the store is open makes nothing live for longer", async () => {
    let now = right;
    const store = await open({ now: () => now });
    await store.setIfAbsent("pending:code", "code", 5 * 60_000);
    now -= 5 * 60_000;
    expect(await store.get("pending:code")).toBeUndefined();
  });
});

describe("the file", () => {
  it("that is deleted while it is in use is told, until it is put back", async () => {
    const store = await open();
    await store.setIfAbsent("grant:a", "1", hour);
    const aside = `${path}.aside`;
    await rename(path, aside);
    const gone = coded("store_unavailable", "was deleted or replaced", "Put the file back");
    const all = [
      () => store.get("grant:a"),
      () => store.setIfAbsent("grant:b", "1", hour),
      () => store.increment("count", hour),
      () => store.compareAndSet("grant:a", "1", "2", hour),
      () => store.take("grant:a"),
      () => store.delete("grant:a"),
      () => store.scan?.("grant:", undefined, 10),
    ];
    for (const method of all) await expect(method()).rejects.toThrow(gone);
    await rename(aside, path);
    expect(await store.get("grant:a")).toBe("1");
    expect(await store.setIfAbsent("grant:b", "1", hour)).toBe(true);
    // Another one in its place is not the one that was opened.
    await copyFile(path, aside);
    await rename(aside, path);
    for (const method of all) await expect(method()).rejects.toThrow(gone);
    await store.close?.();
    expect(await (await open()).setIfAbsent("grant:c", "1", hour)).toBe(true);
  });

  it("can have two names", async () => {
    const first = await open();
    const alias = join(dirname(path), "alias");
    await symlink(path, alias);
    const second = await open({ path: alias });
    await first.setIfAbsent("grant:a", "1", hour);
    expect(await second.take("grant:a")).toBe("1");
  });

  it.each([
    ["a text", async () => writeFile(path, "hosted-agent-identity sign-in store 1\n".repeat(100))],
    ["zeros", async () => writeFile(path, Buffer.alloc(8192))],
    ["another database", async () => made("CREATE TABLE other (a)")],
    ["a newer version of this store", async () => made("PRAGMA user_version = 2")],
    [
      "another table of the same name",
      async () => made("DROP TABLE records; CREATE TABLE records (key, value)"),
    ],
    ["a second table", async () => made("CREATE TABLE other (a)")],
    [
      "a trigger on what is stored",
      async () => made("CREATE TRIGGER t AFTER DELETE ON records BEGIN SELECT 1; END"),
    ],
  ])("that is %s is refused and left as it is", async (what, make) => {
    await (await open()).close?.();
    if (what === "another database") await rm(path);
    await make();
    const whole = await readFile(path);
    await expect(open()).rejects.toThrow(coded("store_corrupt", JSON.stringify(path)));
    expect(await readFile(path)).toEqual(whole);
  });

  it("with a changed byte is refused with a code, or has all that was not changed", async () => {
    const store = await open();
    for (let n = 0; n < 40; n += 1) await store.setIfAbsent(`grant:${n}`, "x".repeat(300), hour);
    await store.close?.();
    const whole = await readFile(path);
    let refused = 0;
    for (let at = 0; at < whole.length; at += at < 100 ? 8 : 997) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 0x01;
      await writeFile(path, damaged);
      const again = sqliteStore({ path });
      const code = await refusal(again.start?.());
      if (code !== "undefined") {
        refused += 1;
        expect([at, code]).toEqual([at, expect.stringMatching(/^store_(corrupt|unavailable)$/)]);
        expect(await readFile(path)).toEqual(damaged);
      } else {
        const got = await Promise.allSettled(Array.from({ length: 40 }, (_, n) => again.get(`grant:${n}`)));
        const wrong = got.filter((one) => one.status === "rejected" || one.value !== "x".repeat(300));
        expect([at, wrong.length]).toEqual([at, wrong.length === 0 ? 0 : 1]);
      }
      await again.close?.();
    }
    expect(refused).toBeGreaterThan(5);
  });

  it("that another process does not let go of is told after two seconds, and nothing else waits", async () => {
    const store = await open();
    const other = sqlite();
    programs.push(other);
    other.exec("BEGIN IMMEDIATE");
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 10);
    const began = performance.now();
    const told = store.setIfAbsent("grant:a", "1", hour).catch((error: unknown) => error);
    expect(await Promise.race([told, sleep(4_500)])).toEqual(
      coded("store_unavailable", "Another process holds", "hangs"),
    );
    clearInterval(timer);
    expect(performance.now() - began).toBeLessThan(4_500);
    expect(ticks).toBeGreaterThan(30);
    expect(await store.get("grant:a")).toBeUndefined();
    const waiting = store.setIfAbsent("grant:a", "1", hour);
    await sleep(200);
    other.exec("COMMIT");
    expect(await waiting).toBe(true);
  });

  it("in a folder that cannot be used gives a coded error", async () => {
    await open();
    await expect(open({ path: join(path, "below", "file") })).rejects.toThrow(
      coded("store_unavailable", "ENOTDIR"),
    );
    await expect(open({ path: dirname(path) })).rejects.toThrow(coded("store_unavailable"));
  });

  async function made(sql: string): Promise<void> {
    const database = sqlite();
    database.exec(sql);
    database.close();
  }
});

it("does not start in a hosted sandbox, and names the shared store", async () => {
  vi.stubEnv("FOUNDRY_HOSTING_ENVIRONMENT", "foundry");
  const refused = coded("store_unsuitable", "hosted sandbox", "redisStore()");
  await expect(open()).rejects.toThrow(refused);
  await expect(opened[0]?.get("a")).rejects.toThrow(refused);
  await expect(stat(dirname(path))).rejects.toThrow("ENOENT");
});
