import { setTimeout as sleep } from "node:timers/promises";
import { createSentinel } from "redis";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { redisStore, type SignInStore } from "hosted-agent-identity/sign-in";
import { signInStoreSuite } from "hosted-agent-identity/testing";
import { startRedisSentinel, type RedisSentinel } from "../../support/redis-sentinel.js";
import { askRedis, type RedisServer } from "../../support/redis-server.js";
import { coded, confirmed, hour, pagesOf } from "../../support/redis-stores.js";

let sentinel: RedisSentinel;
const opened: { close?(): Promise<unknown> }[] = [];

beforeAll(async () => void (sentinel = await startRedisSentinel()), 60_000);
afterAll(() => sentinel.remove());
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close?.();
});

const clientOf = () =>
  createSentinel({ name: sentinel.name, sentinelRootNodes: [{ host: "127.0.0.1", port: sentinel.port }] });

async function open(): Promise<SignInStore> {
  const store = redisStore(clientOf());
  opened.push(store);
  await store.start?.();
  return store;
}

/** Those of the two servers that write. One that is demoted ends its connections. */
async function primaries(): Promise<readonly RedisServer[]> {
  const both = [sentinel.primary, sentinel.replica];
  const roles = await Promise.all(both.map(({ port }) => askRedis(port, "INFO replication").catch(() => "")));
  return both.filter((_, index) => roles[index]?.includes("role:master"));
}

/** Until a write is taken. A failure leaves open whether it happened, and nothing else. */
async function taken(write: () => Promise<boolean>): Promise<void> {
  for (const until = performance.now() + 30_000; performance.now() < until; await sleep(50)) {
    const [tried] = await Promise.allSettled([write()]);
    if (tried.status === "rejected")
      expect(tried.reason).toMatchObject({ code: "store_unavailable", category: "retry" });
    else if (tried.value) return;
  }
  throw new Error("No write was taken for 30 s.");
}

it("keeps every promise of a store", async () => {
  // To find the primary takes a third of a second each time.
  const clients = await Promise.all([clientOf().connect(), clientOf().connect()]);
  opened.push(...clients);
  const [one, other] = clients;
  const open = async () => [redisStore(one), redisStore(other)] as const;
  for (const { run } of signInStoreSuite({ name: "sentinel", open, races: 50 }))
    await expect(run()).resolves.toBeUndefined();
}, 60_000);

it("waits for the replica where that is asked for", async () => {
  const store = await open();
  await store.setIfAbsent("waited", "sealed", hour);
  await askRedis(sentinel.primary.port, "CONFIG RESETSTAT");
  await confirmed(store, "waited");
  expect(await askRedis(sentinel.replica.port, "GET hosted-agent-identity:waited")).toContain("sealed");
  expect(await askRedis(sentinel.primary.port, "INFO commandstats")).toContain("cmdstat_wait:");
});

it("refuses an evicting Redis at the start", async () => {
  await askRedis(sentinel.primary.port, "CONFIG SET maxmemory-policy allkeys-lru");
  try {
    await expect(open()).rejects.toThrow(coded("store_unsuitable", "allkeys-lru"));
  } finally {
    await askRedis(sentinel.primary.port, "CONFIG SET maxmemory-policy noeviction");
  }
});

it("goes on when the primary hands over, and when the next one dies, with all that was written", async () => {
  const store = await open();
  await store.setIfAbsent("grant", "sealed", hour);
  await store.increment("count", hour);
  expect(await askRedis(sentinel.port, `SENTINEL FAILOVER ${sentinel.name}`)).toContain("OK");
  await vi.waitUntil(async () => (await primaries())[0]?.port === sentinel.replica.port, 20_000);
  await taken(() => store.compareAndSet("grant", "sealed", "newer", hour));

  const [next] = await primaries();
  await vi.waitUntil(
    async () =>
      (await askRedis(next?.port ?? 0, "INFO replication").catch(() => "")).includes("state=online"),
    20_000,
  );
  await confirmed(store, "grant");
  await next?.stop();
  await taken(() => store.compareAndSet("grant", "newer", "newest", hour));
  expect(await store.increment("count", hour)).toBe(2);
  expect(await store.take("grant")).toBe("newest");
  expect((await pagesOf(store, "count", 10)).flat()).toEqual([["count", "2"]]);
}, 90_000);
