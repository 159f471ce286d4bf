import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fileStore, memoryStore, redisStore, type SignInStore } from "hosted-agent-identity/sign-in";
import { signInStoreSuite, type StoreUnderTest } from "hosted-agent-identity/testing";
import { startRedis, type RedisServer } from "../../support/redis-server.js";

const twice = (store: SignInStore): readonly [SignInStore, SignInStore] => [store, store];

describe("memoryStore()", () => {
  const checks = signInStoreSuite({ name: "memory", open: async () => twice(memoryStore({ quiet: true })) });
  it.each(checks)("$name", ({ run }) => expect(run()).resolves.toBeUndefined());
});

describe("fileStore()", () => {
  let folder: string;
  let files = 0;
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "store-"))));
  afterAll(() => rm(folder, { recursive: true }));

  const open = async () => twice(fileStore({ path: join(folder, String((files += 1)), "sign-ins") }));
  it.each(signInStoreSuite({ name: "file", open }))("$name", ({ run }) =>
    expect(run()).resolves.toBeUndefined(),
  );
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

describe("the suite finds a store that breaks a promise", () => {
  /** Lets the other connection in between what should be one step. */
  const pause = () => new Promise((resolve) => setImmediate(resolve));

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
