import { setTimeout as sleep } from "node:timers/promises";
import { createClient, createClientPool, createCluster, type RedisClusterOptions } from "redis";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  redisStore,
  type RedisClient,
  type RedisStoreOptions,
  type SignInStore,
} from "hosted-agent-identity/sign-in";
import { signInStoreSuite } from "hosted-agent-identity/testing";
import { redisOperator } from "../../support/redis-operator.js";
import { askRedis, startRedisCluster, type RedisCluster } from "../../support/redis-server.js";
import { coded, hour, pagesOf } from "../../support/redis-stores.js";

/** Three primaries, and a replica of the first. */
let cluster: RedisCluster;
const opened: { close?(): Promise<unknown> }[] = [];

beforeAll(async () => void (cluster = await startRedisCluster({ replica: true })));
afterAll(() => cluster.remove());
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close?.();
});

const clientOf = (settings: Partial<RedisClusterOptions> = {}) =>
  createCluster({
    rootNodes: cluster.urls.map((url) => ({ url })),
    defaults: { socket: { reconnectStrategy: 20 } },
    ...settings,
  });

async function open(client: RedisClient = clientOf(), options: RedisStoreOptions = {}): Promise<SignInStore> {
  const store = redisStore(client, options);
  opened.push(store);
  await store.start?.();
  return store;
}

const names = Array.from({ length: 60 }, (_, n) => `grant:${n}`);
const ports = (): readonly number[] => cluster.nodes.map(({ port }) => port);

it("keeps every promise of a store", async () => {
  const connect = () => redisStore(clientOf());
  const checks = signInStoreSuite({ name: "cluster", open: async () => [connect(), connect()], races: 50 });
  for (const { run } of checks) await expect(run()).resolves.toBeUndefined();
}, 60_000);

it("spreads what it keeps over all primaries, and lists it page by page", async () => {
  const store = await open(clientOf(), { keyPrefix: "spread:" });
  for (const name of names) expect(await store.setIfAbsent(name, `value of ${name}`, hour)).toBe(true);
  for (const port of ports().slice(0, 3)) expect(await askRedis(port, "DBSIZE")).not.toBe(":0\r\n");

  const pages = await pagesOf(store, "grant:", 25);
  expect(pages.every(({ length }) => length <= 25)).toBe(true);
  expect(pages.flat().toSorted()).toEqual(names.map((name) => [name, `value of ${name}`]).toSorted());

  const elsewhere = Buffer.from(JSON.stringify(["of other primaries", 1, "0"])).toString("base64url");
  await expect(store.scan?.("grant:", elsewhere, 25)).rejects.toThrow(
    coded("store_unavailable", "The cluster has changed"),
  );
});

describe("a client of one server in front of it", () => {
  it.each([
    ["createClient()", () => createClient({ url: cluster.urls[1] ?? "" })],
    ["createClientPool()", () => createClientPool({ url: cluster.urls[2] ?? "" })],
  ])("is refused at the start, with the way out: %s", async (_name, make) => {
    await expect(open(make())).rejects.toThrow(
      expect.objectContaining({
        code: "store_unsuitable",
        category: "config",
        help: expect.stringContaining("createCluster()") as string,
      }),
    );
  });

  it("is told the way out by every key that it is refused", async () => {
    const theirs = await redisOperator(cluster.urls[0] ?? "");
    opened.push({ close: async () => theirs.destroy() });
    const store = redisStore(theirs);
    const writes = await Promise.allSettled(names.map((name) => store.setIfAbsent(name, "sealed", hour)));
    const refused = writes.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
    expect(refused.length).toBeGreaterThan(20);
    for (const reason of refused)
      expect(reason).toMatchObject({
        code: "store_unavailable",
        category: "config",
        message: expect.stringContaining("MOVED"),
        help: expect.stringContaining("createCluster()"),
      });
  });
});

it("is refused when one of its primaries evicts", async () => {
  await askRedis(ports()[1] ?? 0, "CONFIG SET maxmemory-policy volatile-lru");
  try {
    await expect(open()).rejects.toThrow(coded("store_unsuitable", "volatile-lru"));
  } finally {
    await askRedis(ports()[1] ?? 0, "CONFIG SET maxmemory-policy noeviction");
  }
});

it("is read from its primaries, also by a client that would read from replicas", async () => {
  const [first, second, third, replica = 0] = ports();
  for (const port of [first, second, third])
    await vi.waitUntil(
      async () => (await askRedis(port ?? 0, "CLUSTER SLOTS")).includes(`:${replica}\r`),
      10_000,
    );
  const store = await open(clientOf({ useReplicas: true }), { keyPrefix: "read:" });
  await askRedis(replica, "CONFIG RESETSTAT");
  for (const name of names) {
    await store.setIfAbsent(name, "sealed", hour);
    expect(await store.get(name)).toBe("sealed");
  }
  expect(await askRedis(replica, "INFO commandstats")).not.toMatch(/cmdstat_(get|eval):/);
});

it("goes on when a primary hands over to its replica and keeps its connections", async () => {
  const store = await open(clientOf(), { keyPrefix: "handed over:" });
  for (const name of names) await store.setIfAbsent(name, "sealed", hour);
  const [old = 0, , , replica = 0] = ports();
  await askRedis(replica, "CLUSTER FAILOVER");
  await vi.waitUntil(async () => (await askRedis(old, "ROLE")).includes("slave"), 10_000);
  for (const name of names) expect(await store.take(name)).toBe("sealed");
}, 20_000);

it("goes on when a primary dies and its replica takes over, with all that was written", async () => {
  const store = await open(clientOf(), { keyPrefix: "died:", timeoutMs: 300 });
  for (const name of names) await store.setIfAbsent(name, "sealed", hour);
  const primary = (await askRedis(ports()[3] ?? 0, "ROLE")).includes("master") ? 3 : 0;
  const replica = ports()[3 - primary] ?? 0;
  await vi.waitUntil(async () => (await askRedis(replica, "ROLE")).includes("connected"), 10_000);
  await cluster.nodes[primary]?.stop();

  const left = new Set(names);
  for (
    const until = performance.now() + 30_000;
    left.size > 0 && performance.now() < until;
    await sleep(50)
  ) {
    const tried = [...left];
    const taken = await Promise.allSettled(
      tried.map((name) => store.compareAndSet(name, "sealed", "newer", hour)),
    );
    for (const [index, one] of taken.entries()) {
      if (one.status === "fulfilled") left.delete(tried[index] ?? "");
      // A failure leaves open whether the write happened, and nothing else.
      else expect(one.reason).toMatchObject({ code: "store_unavailable", category: "retry" });
    }
  }
  expect([...left]).toEqual([]);
  for (const name of names) expect(await store.get(name)).toBe("newer");
}, 60_000);
