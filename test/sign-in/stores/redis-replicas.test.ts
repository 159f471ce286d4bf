import { randomBytes } from "node:crypto";
import { createClient, createClientPool, createCluster } from "redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { redisStore, type RedisClient, type SignInStore } from "hosted-agent-identity/sign-in";
import { startAuthorizationServer, type AuthorizationServer } from "../../support/authorization-server.js";
import {
  askRedis,
  startRedis,
  startRedisCluster,
  type RedisCluster,
  type RedisServer,
} from "../../support/redis-server.js";
import { answering, coded, confirmed, hour } from "../../support/redis-stores.js";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.js";
import { platformUser } from "../support/replica.js";
import { refresher, rotatingIssuer } from "../support/rotating.js";

/** A real primary and its replica, with lines that can be cut: between the two, and before both. */

const person = platformUser("somebody");
/** A replica is sent everything as soon as it comes. */
const atOnce = ["--repl-diskless-sync-delay", "0"];
const opened: (() => unknown)[] = [];
let primary: RedisServer;
let replica: RedisServer;
let link: TcpProxy;
let name: TcpProxy;

afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

async function startBoth(): Promise<void> {
  primary = await startRedis(atOnce);
  link = await startTcpProxy(primary.port);
  replica = await startRedis([...atOnce, "--replicaof", "127.0.0.1", new URL(link.url).port]);
  name = await startTcpProxy(primary.port);
  opened.push(
    () => primary.remove(),
    () => link.close(),
    () => replica.remove(),
    () => name.close(),
  );
  await vi.waitUntil(
    async () => (await askRedis(primary.port, "INFO replication")).includes("state=online"),
    10_000,
  );
}

async function open(client: RedisClient): Promise<SignInStore> {
  const store = redisStore(client);
  opened.push(() => store.close?.());
  await store.start?.();
  return store;
}

const clientOf = (url: string) => createClient({ url, socket: { reconnectStrategy: 20 } });

/** How often a server was told `WAIT`. */
const waits = async (port: number): Promise<number> =>
  Number(/cmdstat_wait:calls=(\d+)/.exec(await askRedis(port, "INFO commandstats"))?.[1] ?? 0);

describe("a primary with a replica", () => {
  beforeEach(startBoth);

  const clients: [string, () => RedisClient & { connect(): Promise<unknown>; destroy(): unknown }][] = [
    ["createClient()", () => clientOf(name.url)],
    ["createClientPool()", () => createClientPool({ url: name.url })],
  ];
  it.each(clients)("is waited for until that has a write, with %s", async (_name, make) => {
    const store = await open(make());
    await confirmed(store, "nothing");
    await askRedis(primary.port, "CONFIG RESETSTAT");
    await store.setIfAbsent("grant", "sealed", hour);
    await confirmed(store, "grant");
    expect(await askRedis(replica.port, "GET hosted-agent-identity:grant")).toContain("sealed");
    const before = await waits(primary.port);
    expect(before).toBeGreaterThan(0);
    // However many wait for theirs at once, one more WAIT covers all of them.
    await Promise.allSettled(Array.from({ length: 50 }, () => store.replicated?.("grant")));
    expect((await waits(primary.port)) - before).toBeLessThanOrEqual(3);
    const left = Number((await askRedis(primary.port, "PTTL hosted-agent-identity:grant")).slice(1));
    expect(left).toBeGreaterThan(hour - 60_000);
    expect(left).toBeLessThanOrEqual(hour);
  });

  it.each(clients)(
    "that confirms nothing is waited for 200 ms, and holds up no other call, with %s",
    async (_name, make) => {
      const store = await open(make());
      await confirmed(store, "grant");
      link.hang();
      await store.setIfAbsent("grant", "sealed", hour);
      const pending = Promise.allSettled([
        store.replicated?.("grant"),
        ...Array.from({ length: 20 }, () => store.replicated?.("grant")),
      ]);
      let answered = 0;
      const settled = pending.then(() => answered);
      // Each answer comes after the one before: one WAIT in front of them would let none through.
      for (; answered < 5; answered += 1) expect(await store.get("grant")).toBe("sealed");
      expect(await settled).toBe(5);
      for (const one of await pending)
        expect(one).toEqual({ status: "rejected", reason: coded("store_unavailable", "200 ms") as object });
      // All who came meanwhile share one.
      expect(await waits(primary.port)).toBeLessThanOrEqual(3);
    },
  );

  it("is asked on a connection that follows a failover", async () => {
    const store = await open(clientOf(name.url));
    await store.setIfAbsent("grant", "sealed", hour);
    await confirmed(store, "grant");
    await askRedis(replica.port, "REPLICAOF NO ONE");
    name.lead(replica.port);
    await primary.stop();
    const third = await startRedis(["--replicaof", "127.0.0.1", String(replica.port)]);
    opened.push(() => third.remove());
    await vi.waitUntil(
      async () => (await askRedis(replica.port, "INFO replication")).includes("state=online"),
      10_000,
    );
    await answering(store);
    await confirmed(store, "grant");
    expect(await waits(replica.port)).toBeGreaterThan(0);
  });
});

it("a primary without a replica is not told to wait", async () => {
  const server = await startRedis();
  opened.push(() => server.remove());
  const store = await open(clientOf(server.url));
  await store.setIfAbsent("grant", "sealed", hour);
  await store.replicated?.("grant");
  expect(await waits(server.port)).toBe(0);
  // Ours, and the one that asks.
  expect(await askRedis(server.port, "INFO clients")).toContain("connected_clients:2");
});

describe("a cluster whose first primary has a replica", () => {
  let cluster: RedisCluster;
  beforeAll(async () => void (cluster = await startRedisCluster({ replica: true })));
  afterAll(() => cluster.remove());

  it("waits for the keys of that primary, and for no others", async () => {
    const ports = cluster.nodes.map(({ port }) => port);
    const store = await open(createCluster({ rootNodes: cluster.urls.map((url) => ({ url })) }));
    const names = Array.from({ length: 30 }, (_, n) => `grant:${n}`);
    for (const each of names) await confirmed(store, each);
    for (const port of ports) await askRedis(port, "CONFIG RESETSTAT");
    for (const each of names) {
      await store.setIfAbsent(each, "sealed", hour);
      await confirmed(store, each);
    }
    const [first = 0, ...others] = await Promise.all(ports.map(waits));
    const kept = Number((await askRedis(ports[0] ?? 0, "DBSIZE")).slice(1));
    expect(kept).toBeGreaterThan(0);
    expect(first).toBeGreaterThanOrEqual(kept);
    expect(others).toEqual([0, 0, 0]);
    expect(Number((await askRedis(ports[3] ?? 0, "DBSIZE")).slice(1))).toBe(kept);
  });
});

describe("a grant whose refresh token the server replaces", () => {
  let server: AuthorizationServer;
  beforeAll(async () => void (server = await startAuthorizationServer()));
  afterAll(() => server.close());
  beforeEach(startBoth);

  /** Two processes of an agent. */
  async function processes() {
    const clock = { ahead: 0 };
    const now = (): number => Date.now() + clock.ahead;
    const key = new Uint8Array(randomBytes(32));
    const [a, b] = [await open(clientOf(name.url)), await open(clientOf(name.url))].map((store) =>
      refresher(store, rotatingIssuer(server, { now }), { key, now }),
    );
    if (a === undefined || b === undefined) throw new Error("no processes");
    return { a, b, clock };
  }

  /** The primary dies, and what its replica has is all there is. */
  async function failOver(): Promise<void> {
    await primary.stop();
    await askRedis(replica.port, "REPLICAOF NO ONE");
    name.lead(replica.port);
  }

  it("lives on with whoever takes over, when its replica has confirmed the write", async () => {
    const { a, b, clock } = await processes();
    await a.connect(person, await server.grant(person));
    const first = await a.token(person);
    // The first of the two may have been late: its connection was made.
    expect(await waits(primary.port)).toBeGreaterThan(0);
    await confirmed(a.core.store, "anything");
    await failOver();
    for (const each of [a, b])
      await vi.waitUntil(
        () =>
          each.stored(person).then(
            () => true,
            () => false,
          ),
        5_000,
      );
    expect(await b.token(person)).toBe(first);
    clock.ahead = 2 * hour;
    expect(await b.token(person)).toBeTypeOf("string");
  });

  it("is lost with a write that no replica had: one card, no second question to the server, and then a new grant", async () => {
    const { a, b, clock } = await processes();
    await a.connect(person, await server.grant(person));
    await a.token(person);
    const asked = server.requests.length;
    link.hang();
    clock.ahead = 2 * hour;
    // The person of this turn has a token all the same.
    expect(await a.token(person)).toBeTypeOf("string");
    await failOver();
    for (const each of [a, b])
      await vi.waitUntil(
        () =>
          each.stored(person).then(
            () => true,
            () => false,
          ),
        5_000,
      );
    clock.ahead = 4 * hour;

    const answers = [
      await b.token(person),
      await a.token(person),
      await b.token(person),
      await a.token(person),
    ];
    expect(answers).toEqual([undefined, undefined, undefined, undefined]);
    expect(server.requests.slice(asked).map(({ status }) => status)).toEqual([200, 400]);
    const ends = [...a.events, ...b.events].filter(({ type }) => type === "grant_ended");
    expect(ends).toMatchObject([{ reason: "revoked" }]);

    await b.connect(person, await server.grant(person));
    expect(await b.token(person)).toBeTypeOf("string");
    expect(await a.token(person)).toBe(await b.token(person));
  });
});
