import { readFile } from "node:fs/promises";
import { inspect } from "node:util";
import { Client, Pool, type PoolClient, type PoolConfig } from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type PostgresPool, postgresStore, type SignInStore } from "hosted-agent-identity/sign-in";
import { startPostgres, type PostgresServer } from "../../support/postgres-server.js";
import { answering, coded, hour, pagesOf } from "../../support/redis-stores.js";
import { startTcpProxy } from "../../support/tcp-proxy.js";

let server: PostgresServer;
let admin: Pool;
let letGo: () => void;
const opened: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  server = await startPostgres();
  admin = new Pool({ connectionString: server.url, lock_timeout: 5_000 });
  letGo = letGoOf(admin);
}, 60_000);
afterEach(async () => {
  letGo();
  for (const close of opened.splice(0).toReversed()) await close();
  await admin.query("DROP TABLE IF EXISTS hosted_agent_identity");
  await admin.query("DROP ROLE IF EXISTS app");
});
afterAll(async () => {
  await admin.end();
  await server.remove();
});

function poolOf(settings: PoolConfig = {}): Pool {
  const pool = new Pool({ connectionString: server.url, connectionTimeoutMillis: 1_000, ...settings });
  const letGoOfIt = letGoOf(pool);
  opened.push(() => {
    letGoOfIt();
    return pool.end();
  });
  return pool;
}

/** Ends the connections that a test has not given back because it failed. A pool that ends would wait for them. */
function letGoOf(pool: Pool): () => void {
  const used = new Set<PoolClient>();
  pool.on("acquire", (client) => used.add(client));
  pool.on("release", (_, client) => used.delete(client));
  return () => {
    for (const client of used) client.release(true);
  };
}

function storeOf(pool: PostgresPool = poolOf(), timeoutMs = 2_000): SignInStore {
  const store = postgresStore(pool, { timeoutMs });
  opened.push(async () => store.close?.());
  return store;
}

async function open(settings: PoolConfig = {}, timeoutMs?: number): Promise<SignInStore> {
  const store = storeOf(poolOf(settings), timeoutMs);
  await store.start?.();
  return store;
}

/** A user without any privilege; `settings` as in ALTER ROLE. */
async function app(...settings: readonly string[]): Promise<PoolConfig> {
  await admin.query("CREATE ROLE app LOGIN PASSWORD 'app'");
  for (const each of settings) await admin.query(`ALTER ROLE app ${each}`);
  return { connectionString: server.urlFor("app") };
}

const grants = "GRANT SELECT, INSERT, UPDATE, DELETE ON hosted_agent_identity TO app";

/** Every method, as a caller would use it. */
const everyMethod: Record<string, (store: SignInStore) => Promise<unknown>> = {
  get: (store) => store.get("grant"),
  setIfAbsent: (store) => store.setIfAbsent("grant", "sealed", hour),
  increment: (store) => store.increment("count", hour),
  compareAndSet: (store) => store.compareAndSet("grant", "sealed", "sealed", hour),
  take: (store) => store.take("grant"),
  delete: (store) => store.delete("grant"),
  scan: async (store) => store.scan?.("grant", undefined, 10),
};
const writing = Object.keys(everyMethod).filter((name) => name !== "get" && name !== "scan");

/** Each has this code and message, and none of them anything of a key or value. */
async function expectEachRefused(
  store: SignInStore,
  message = "",
  names = Object.keys(everyMethod),
): Promise<void> {
  for (const name of names) {
    const [got] = await Promise.allSettled([everyMethod[name]?.(store)]);
    expect([name, got]).toEqual([
      name,
      { status: "rejected", reason: coded("store_unavailable", message) as object },
    ]);
    expect(inspect(got, { depth: 9 })).not.toMatch(/sealed|\\x7365|c2VhbGVk/);
  }
}

describe("the table", () => {
  it("is created by those who start first, also at the same time", async () => {
    const stores = Array.from({ length: 6 }, () => storeOf(poolOf({ max: 1 })));
    await Promise.all(stores.map((store) => store.start?.()));
    expect(await stores[0]?.setIfAbsent("grant", "sealed", hour)).toBe(true);
    expect(await stores[5]?.take("grant")).toBe("sealed");
  });

  it("that the SQL of the guide creates is enough for a user who may create nothing", async () => {
    const user = await app();
    await expect(open(user)).rejects.toThrow(coded("store_unavailable", "42501"));
    const guide = await readFile("docs/guides/sign-in.md", "utf8");
    const sql = /```sql\n(.*?)```/s.exec(guide)?.[1] ?? "";
    await admin.query(sql.replaceAll("<user>", "app"));
    const store = await open(user);
    for (const method of Object.values(everyMethod)) await method(store);
    expect(await store.setIfAbsent("grant", "sealed", hour)).toBe(true);
    await admin.query("REVOKE DELETE ON hosted_agent_identity FROM app");
    await expect(open(user)).rejects.toThrow(
      expect.objectContaining({
        category: "config",
        help: expect.stringContaining("GRANT SELECT") as string,
      }),
    );
    await expectEachRefused(store, "42501", ["take", "delete"]);
  });

  it.each([
    [
      "of another form",
      "CREATE TABLE hosted_agent_identity (key text PRIMARY KEY, value text)",
      "not one of this",
    ],
    [
      "without a key",
      "CREATE TABLE hosted_agent_identity (key bytea, value bytea, expires_at timestamptz)",
      "not one of this",
    ],
    [
      "unlogged",
      "CREATE UNLOGGED TABLE hosted_agent_identity (key bytea PRIMARY KEY, value bytea, expires_at timestamptz)",
      "a crash would empty it",
    ],
  ])("%s is refused", async (_, sql, message) => {
    await admin.query(sql);
    await expect(open()).rejects.toThrow(coded("store_unsuitable", message));
  });

  it("may have another name and schema", async () => {
    await admin.query("CREATE SCHEMA own");
    const store = postgresStore(poolOf(), { table: "own.sign_in" });
    await store.start?.();
    await store.setIfAbsent("grant", "sealed", hour);
    expect((await admin.query("SELECT key FROM own.sign_in")).rowCount).toBe(1);
    await store.close?.();
    await admin.query("DROP SCHEMA own CASCADE");
    for (const table of ["", "a.b.c", 'a"b', "A", "a; DROP TABLE b"])
      expect(() => postgresStore(poolOf(), { table })).toThrow(coded("invalid_option", "table"));
  });

  it("is missing: every method says so, and how it comes", async () => {
    await expectEachRefused(storeOf(), "42P01");
  });

  it.each<[string, (store: SignInStore) => Promise<unknown>, unknown]>([
    ["get", (store) => store.get("old"), undefined],
    ["take", (store) => store.take("old"), undefined],
    ["setIfAbsent", (store) => store.setIfAbsent("old", "newer", hour), true],
    ["compareAndSet", (store) => store.compareAndSet("old", "7", "newer", hour), false],
    ["compareAndSet, of none", (store) => store.compareAndSet("old", undefined, "newer", hour), true],
    ["increment", (store) => store.increment("old", hour), 1],
    ["scan", async (store) => (await store.scan?.("old", undefined, 10))?.records, []],
  ])("has a record that has expired and is none for %s", async (_, method, expected) => {
    const store = await open();
    // A store deletes what has expired beside its writes, and this one has written nothing yet.
    await admin.query(
      "INSERT INTO hosted_agent_identity VALUES ('old', '7', now() - interval '1 millisecond')",
    );
    expect(await method(store)).toEqual(expected);
  });

  it("loses what has expired, 500 records at a time, and nothing else", async () => {
    const store = await open();
    const rows = async () => (await admin.query("SELECT FROM hosted_agent_identity")).rowCount;
    await admin.query(`INSERT INTO hosted_agent_identity SELECT ('old' || n)::bytea, '', now() - interval '1 second'
      FROM generate_series(1, 1200) n`);
    for (const left of [701, 202, 3]) {
      expect(await store.setIfAbsent(`grant:${left}`, "sealed", hour)).toBe(true);
      await expect.poll(rows, { interval: 10 }).toBe(left);
    }
    expect((await pagesOf(store, "", 100)).flat()).toHaveLength(3);
  });
});

describe("a server that refuses", () => {
  it.each([
    ["the password", { password: "wrong", user: "postgres" }, "28P01"],
    ["the database", { database: "nothing" }, "3D000"],
  ])("%s", async (_, wrong, state) => {
    const { port } = server;
    const settings = {
      host: "127.0.0.1",
      port,
      user: "postgres",
      password: "postgres",
      database: "postgres",
    };
    const store = storeOf(new Pool({ ...settings, ...wrong }));
    await expect(store.start?.()).rejects.toThrow(
      expect.objectContaining({
        code: "store_unavailable",
        category: "config",
        message: expect.stringContaining(state) as string,
      }),
    );
    await expectEachRefused(store, state);
  });

  it("one connection more", async () => {
    const user = await app("CONNECTION LIMIT 1");
    await open();
    await admin.query(grants);
    const holder = await poolOf(user).connect();
    await expectEachRefused(storeOf(poolOf(user)), "53300");
    holder.release();
  });

  it("what confirms before it is on the disk", async () => {
    const user = await app("SET synchronous_commit = off");
    await expect(open(user)).rejects.toThrow(coded("store_unsuitable", "synchronous_commit is off"));
  });

  it("to write", async () => {
    const user = await app("SET default_transaction_read_only = on");
    await open();
    await admin.query(grants);
    await expect(open(user)).rejects.toThrow(
      expect.objectContaining({
        code: "store_unavailable",
        help: expect.stringContaining("standby") as string,
      }),
    );
    await expectEachRefused(storeOf(poolOf(user)), "25006", writing);
  });

  it("a value that is no counter, without telling it", async () => {
    const store = await open();
    await store.setIfAbsent("count", "sealed", hour);
    await expectEachRefused(store, "no counter", ["increment"]);
    expect(await store.get("count")).toBe("sealed");
  });

  it("statements that meet others, until they meet none", async () => {
    const user = await app("SET default_transaction_isolation = serializable");
    await open();
    await admin.query(grants);
    const store = await open({ ...user, max: 8 });
    const counts = await Promise.all(Array.from({ length: 40 }, () => store.increment("count", hour)));
    expect(counts.toSorted((one, other) => one - other)).toEqual(counts.map((_, index) => index + 1));
  });

  it.each(["40001", "40P01"])("with %s again and again, until the deadline", async (code) => {
    let asked = 0;
    const connection = {
      on: () => undefined,
      listeners: () => [],
      release: () => undefined,
      query: async () => {
        asked += 1;
        throw Object.assign(new Error("could not serialize sealed"), { code });
      },
    };
    const pool = { totalCount: 0, on: () => undefined, listeners: () => [], connect: async () => connection };
    await expectEachRefused(storeOf(pool, 100), code, ["setIfAbsent"]);
    expect(asked).toBeGreaterThan(1);
  });
});

describe("a slow server", () => {
  it("gives an error at the deadline, and a pool of one connection works again", async () => {
    const store = await open({ max: 1 }, 500);
    await store.setIfAbsent("grant", "sealed", hour);
    const other = await admin.connect();
    await other.query("BEGIN");
    await other.query("SELECT FROM hosted_agent_identity FOR UPDATE");
    await expectEachRefused(store, "within 500 ms", ["take"]);
    expect(await store.get("grant")).toBe("sealed");
    await other.query("ROLLBACK");
    other.release();
  });

  it("is not sent what has waited too long for a connection", async () => {
    await open();
    const pool = poolOf({ max: 1 });
    const store = storeOf(pool, 100);
    const holder = await pool.connect();
    await expectEachRefused(store, "within 100 ms", ["setIfAbsent"]);
    holder.release();
    expect(await storeOf(pool).get("grant")).toBeUndefined();
  });

  it("whose connection carries nothing any more gets a new one", async () => {
    const proxy = await startTcpProxy(server.port);
    opened.push(() => proxy.close());
    const store = await open(
      { connectionString: server.urlFor("postgres", Number(new URL(proxy.url).port)), max: 1 },
      900,
    );
    await store.setIfAbsent("grant", "sealed", hour);
    proxy.hang();
    await expect(store.get("grant")).rejects.toThrow(coded("store_unavailable", "within 900 ms"));
    expect(await store.get("grant")).toBe("sealed");
  });

  it("does not gather calls without end", async () => {
    const never = new Promise<never>(() => undefined);
    const pool = { totalCount: 0, on: () => undefined, listeners: () => [], connect: () => never };
    const store = storeOf(pool, 60_000);
    for (let n = 0; n < 10_000; n += 1) void store.get("grant").catch(() => undefined);
    await expect(store.get("grant")).rejects.toThrow(coded("store_unavailable", "Thousands"));
  });
});

describe("a connection", () => {
  it("can be another one for each statement, as behind PgBouncer in transaction mode", async () => {
    const pool = poolOf({ maxUses: 1 });
    let connections = 0;
    pool.on("connect", () => (connections += 1));
    const store = storeOf(pool);
    await store.start?.();
    for (const method of Object.values(everyMethod)) await method(store);
    expect(connections).toBeGreaterThan(7);
  });

  it("is left without a transaction, a setting or a prepared statement", async () => {
    await open();
    const pool = poolOf({ max: 1 });
    const before = await pool.query("SELECT name, setting FROM pg_settings ORDER BY name");
    const store = storeOf(pool);
    await store.start?.();
    for (const method of Object.values(everyMethod)) await method(store);
    await store.increment("grant", hour);
    expect((await pool.query("SELECT name, setting FROM pg_settings ORDER BY name")).rows).toEqual(
      before.rows,
    );
    expect((await pool.query("SELECT FROM pg_prepared_statements")).rowCount).toBe(0);
    expect((await admin.query("SELECT FROM pg_stat_activity WHERE state LIKE 'idle in%'")).rowCount).toBe(0);
  });

  it("that is lost, with the pool or with the store, is an error that somebody listens to", async () => {
    const pool = poolOf({ max: 1, application_name: "idle" });
    const store = storeOf(pool);
    await store.start?.();
    // What an emitter does with an error that nobody listens to is to throw it.
    expect(() => pool.emit("error", new Error("lost"))).not.toThrow();
    const connection = await pool.connect();
    expect(() => connection.emit("error", new Error("lost"))).not.toThrow();
    connection.release();
    const removed = new Promise((resolve) => pool.once("remove", resolve));
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'idle'",
    );
    await removed;
    expect(await store.setIfAbsent("grant", "sealed", hour)).toBe(true);
  });

  it("that the server ends, idle or at work, ends no process", async () => {
    const store = await open({ max: 2 });
    await store.setIfAbsent("grant", "sealed", hour);
    const other = await admin.connect();
    await other.query("BEGIN");
    await other.query("SELECT FROM hosted_agent_identity FOR UPDATE");
    const waiting = store.take("grant").catch((error: unknown) => error);
    await expect
      .poll(
        async () =>
          (await admin.query("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).rowCount,
      )
      .toBe(1);
    await other.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
    );
    expect(await waiting).toEqual(coded("store_unavailable", "57P01"));
    await other.query("ROLLBACK");
    other.release();
    await answering(store);
    expect(await store.take("grant")).toBe("sealed");
  });
});

it("takes a Pool, and nothing else", () => {
  for (const given of [new Client(), {}, () => undefined, undefined])
    expect(() => Reflect.apply(postgresStore, undefined, [given])).toThrow(
      coded("invalid_option", "a Pool of the package pg"),
    );
});

it("that is closed leaves the pool open", async () => {
  const pool = poolOf();
  const store = storeOf(pool);
  await store.start?.();
  await store.close?.();
  for (const method of [...Object.values(everyMethod), async () => store.start?.()])
    await expect(method(store)).rejects.toThrow(coded("closed", "postgresStore()"));
  expect((await pool.query("SELECT 1")).rowCount).toBe(1);
});

describe("failover", () => {
  it("a server that is killed and started again has everything that was confirmed", async () => {
    const killed = await startPostgres({}, { durable: true });
    opened.push(() => killed.remove());
    const store = await open({ connectionString: killed.url });
    await store.setIfAbsent("grant", "sealed", hour);
    await store.increment("count", hour);
    await killed.stop();
    await expectEachRefused(store);
    await killed.start();
    await answering(store);
    expect(await store.increment("count", hour)).toBe(2);
    expect(await store.compareAndSet("grant", "sealed", "newer", hour)).toBe(true);
    expect(await store.take("grant")).toBe("newer");
  });

  it("a standby only reads, and has everything when it takes over", async () => {
    const primary = await startPostgres();
    opened.push(() => primary.remove());
    const standby = await primary.standby();
    opened.push(() => standby.remove());
    const control = poolOf({ connectionString: primary.url });
    control.on("error", () => undefined);
    await control.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await control.query("SELECT pg_reload_conf()");
    const proxy = await startTcpProxy(primary.port);
    opened.push(() => proxy.close());
    const store = await open({
      connectionString: server.urlFor("postgres", Number(new URL(proxy.url).port)),
    });
    await store.setIfAbsent("grant", "sealed", hour);

    const behind = storeOf(poolOf({ connectionString: standby.url }));
    await expect(behind.start?.()).rejects.toThrow(coded("store_unavailable", "only reads"));
    await expectEachRefused(behind, "only reads", ["get", "scan"]);
    await expectEachRefused(behind, "25006", writing);

    await primary.stop();
    await expectEachRefused(store);
    const promoting = poolOf({ connectionString: standby.url });
    await promoting.query("SELECT pg_promote()");
    proxy.lead(standby.port);
    await answering(store);
    expect(await store.take("grant")).toBe("sealed");
  });
});
