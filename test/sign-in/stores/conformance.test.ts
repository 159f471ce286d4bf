import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pool } from "pg";
import {
  memoryStore,
  postgresStore,
  redisStore,
  sqliteStore,
  type SignInStore,
} from "hosted-agent-identity/sign-in";
import { signInStoreSuite, type StoreUnderTest } from "hosted-agent-identity/testing";
import { startPostgres, type PostgresServer } from "../../support/postgres-server.js";
import { startRedis, type RedisServer } from "../../support/redis-server.js";

const twice = (store: SignInStore): readonly [SignInStore, SignInStore] => [store, store];

describe("memoryStore()", () => {
  const checks = signInStoreSuite({ name: "memory", open: async () => twice(memoryStore({ quiet: true })) });
  it.each(checks)("$name", ({ run }) => expect(run()).resolves.toBeUndefined());
});

describe("redisStore()", () => {
  let server: RedisServer;
  beforeAll(async () => void (server = await startRedis()));
  afterAll(() => server.remove());

  const connect = (RESP: 2 | 3) => redisStore(createClient({ url: server.url, RESP }));
  const open = async () => [connect(2), connect(3)] as const;
  it.each(signInStoreSuite({ name: "redis", open }))("$name", ({ run }) =>
    expect(run()).resolves.toBeUndefined(),
  );
});

describe("postgresStore()", () => {
  let server: PostgresServer;
  let pools: readonly [Pool, Pool];
  beforeAll(async () => {
    server = await startPostgres();
    pools = [new Pool({ connectionString: server.url }), new Pool({ connectionString: server.url, max: 1 })];
  }, 60_000);
  afterAll(async () => {
    for (const pool of pools) await pool.end();
    await server.remove();
  });

  const open = async () => [postgresStore(pools[0]), postgresStore(pools[1])] as const;
  it.each(signInStoreSuite({ name: "postgres", open, races: 100 }))("$name", ({ run }) =>
    expect(run()).resolves.toBeUndefined(),
  );
});

it("every store of ours can list its records", () => {
  const lists = ({ scan }: SignInStore): string => typeof scan;
  const made = [
    memoryStore({ quiet: true }),
    redisStore(createClient()),
    postgresStore(new Pool()),
    sqliteStore({ path: "never-opened" }),
  ];
  expect(made.map(lists)).toEqual(made.map(() => "function"));
});

describe("the suite finds a store that breaks a promise", () => {
  /** Lets the other connection in between what should be one step. */
  const pause = () => new Promise((resolve) => setImmediate(resolve));

  const scanned: NonNullable<StoreUnderTest["scan"]> extends (...page: infer P) => infer R
    ? (store: SignInStore, ...page: P) => R
    : never = (store, ...page) => store.scan?.(...page) ?? expect.fail();

  const faults: Record<string, { breaks: (good: SignInStore) => Partial<StoreUnderTest>; found: string }> = {
    "setIfAbsent in two steps": {
      found: "setIfAbsent: one of two wins, and its value stays",
      breaks: (good) => ({
        async setIfAbsent(key, value, ttl) {
          const before = await good.get(key);
          await pause();
          return before === undefined && good.compareAndSet(key, await good.get(key), value, ttl);
        },
      }),
    },
    "increment in two steps": {
      found: "increment: two calls get two numbers",
      breaks: (good) => ({
        async increment(key, ttl) {
          const next = Number((await good.get(key)) ?? 0) + 1;
          await pause();
          await good.compareAndSet(key, await good.get(key), String(next), ttl);
          return next;
        },
      }),
    },
    "compareAndSet in two steps": {
      found: "compareAndSet over a value: one of two wins, and its value stays",
      breaks: (good) => ({
        async compareAndSet(key, expected, value, ttl) {
          if ((await good.get(key)) !== expected) return false;
          await pause();
          return good.compareAndSet(key, await good.get(key), value, ttl);
        },
      }),
    },
    "take in two steps": {
      found: "take: one of two gets the value",
      breaks: (good) => ({
        async take(key) {
          const value = await good.get(key);
          await pause();
          await good.delete(key);
          return value;
        },
      }),
    },
    "a count whose lifetime each call extends": {
      found: "increment starts the lifetime once; later calls do not extend it",
      breaks: (good) => ({
        async increment(key, ttl) {
          const count = await good.increment(key, ttl);
          await good.compareAndSet(key, String(count), String(count), ttl);
          return count;
        },
      }),
    },
    "a value that never ends": {
      found: "what has expired is not there for any method",
      breaks: (good) => ({ setIfAbsent: (key, value) => good.setIfAbsent(key, value, 1e9) }),
    },
    "an empty text taken for nothing": {
      found: "an empty text is a value",
      breaks: (good) => ({ get: async (key) => (await good.get(key)) || undefined }),
    },
    "a closed store that answers": {
      found: "a closed store refuses every method, and can be closed twice",
      breaks: (good) => ({ close: async () => undefined, get: (key) => good.get(key) }),
    },
    "setIfAbsent over what has expired in two steps": {
      found: "setIfAbsent over what has expired: one of two wins, and its value stays",
      breaks: (good) => ({
        async setIfAbsent(key, value, ttl) {
          const before = await good.get(key);
          await pause();
          return before === undefined && good.compareAndSet(key, await good.get(key), value, ttl);
        },
      }),
    },
    "take in two steps against setIfAbsent": {
      found: "setIfAbsent against take: the value is taken once, and what is written after it stays",
      breaks: (good) => ({
        async take(key) {
          const value = await good.take(key);
          await pause();
          await good.delete(key);
          return value;
        },
        async setIfAbsent(key, value, ttl) {
          if (value === "new") await good.get(key);
          return good.setIfAbsent(key, value, ttl);
        },
      }),
    },
    "a copy that is waited for without end": {
      found: "replicated ends by itself, for what was written and for what was not",
      breaks: () => ({ replicated: () => new Promise((resolve) => setTimeout(resolve, 600)) }),
    },
    "a page that is too large": {
      found: "scan lists every live record with the prefix, and at most as many as asked for",
      breaks: (good) => ({ scan: async (prefix) => scanned(good, prefix, undefined, 10_000) }),
    },
    "a list that leaves out what is on the next page": {
      found: "scan lists every live record with the prefix, and at most as many as asked for",
      breaks: (good) => ({
        scan: async (...page) => ({ ...(await scanned(good, ...page)), next: undefined }),
      }),
    },
    "a prefix that is a pattern": {
      found: "scan takes the prefix as it is, whatever a query language would read in it",
      breaks: (good) => ({
        async scan(prefix, cursor, limit) {
          const { records, next } = await scanned(good, "", cursor, limit);
          const like = new RegExp(`^${prefix.replaceAll(/[*?[\]\\]/g, "\\$&").replaceAll("%", ".*")}`);
          return { records: records.filter(([key]) => like.test(key)), next };
        },
      }),
    },
    "a list with what was there before": {
      found: "scan lists values as they are now, and nothing that has expired, was taken or deleted",
      breaks: (good) => {
        const ever = new Map<string, string>();
        return {
          async setIfAbsent(key, value, ttl) {
            ever.set(key, value);
            return good.setIfAbsent(key, value, ttl);
          },
          scan: async () => ({ records: [...ever].slice(-3), next: undefined }),
        };
      },
    },
    "pages by their number": {
      found: "scan goes on after writes, also over another connection, and misses nothing that stayed",
      breaks: (good) => ({
        async scan(prefix, cursor, limit) {
          const { records } = await scanned(good, prefix, undefined, 10_000);
          const at = Number(cursor ?? 0) + limit;
          const next = at < records.length ? String(at) : undefined;
          return { records: records.slice(at - limit, at), next };
        },
      }),
    },
    "a page of any size": {
      found: "scan refuses a limit that is none",
      breaks: () => ({ scan: async () => ({ records: [], next: undefined }) }),
    },
    "one connection given as two": {
      found: "setIfAbsent writes once and tells so",
      breaks: () => ({ shared: true }),
    },
  };

  it.each(Object.keys(faults))("%s", async (fault) => {
    const { breaks, found } = faults[fault] ?? expect.fail();
    const open = async () => {
      const good = memoryStore({ quiet: true });
      const broken = { ...good, ...breaks(good) };
      // A clock's lifetime is a promise of all the writing methods.
      if (fault === "a value that never ends")
        broken.compareAndSet = (key, expected, value) => good.compareAndSet(key, expected, value, 1e9);
      return [broken, broken] as const;
    };
    const check = signInStoreSuite({ name: "broken", open, races: 25 }).find(({ name }) =>
      name.endsWith(found),
    );
    await expect(check?.run()).rejects.toThrow(expect.objectContaining({ code: "ERR_ASSERTION" }));
  });
});
