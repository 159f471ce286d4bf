import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "redis";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { redisStore, type RedisClient, type SignInStore } from "hosted-agent-identity/sign-in";
import { redisOperator } from "../../support/redis-operator.js";
import { startRedis, type RedisServer } from "../../support/redis-server.js";
import { answering, coded, hour } from "../../support/redis-stores.js";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.js";

/** A Redis in other hands: everything here happens to real servers, and to the connection that the store has. */

const opened: { close?(): Promise<unknown> }[] = [];
let server: RedisServer;

afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each.close?.();
  await server.remove();
});

async function open(client: RedisClient, timeoutMs = 2_000): Promise<SignInStore> {
  const store = redisStore(client, { timeoutMs });
  opened.push(store);
  await store.start?.();
  return store;
}

const clientOf = (url: string, settings = {}) =>
  createClient({ url, socket: { reconnectStrategy: 20 }, ...settings });

async function operate(url: string, ...command: string[]): Promise<unknown> {
  const client = await redisOperator(url);
  try {
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}

/** Until a write is taken; what it was refused with before. */
async function refusalsUntilTaken(write: () => Promise<unknown>, most = 200): Promise<readonly unknown[]> {
  const refusals: unknown[] = [];
  for (let attempt = 0; attempt < most; attempt += 1, await sleep(25)) {
    try {
      await write();
      return refusals;
    } catch (error) {
      refusals.push(error);
    }
  }
  throw refusals.at(-1);
}

describe("a primary that is demoted while the connection is kept", () => {
  let replica: RedisServer;
  let name: TcpProxy;

  beforeEach(async () => {
    server = await startRedis(["--repl-diskless-sync-delay", "0"]);
    replica = await startRedis(["--replicaof", "127.0.0.1", String(server.port)]);
    name = await startTcpProxy(server.port);
    opened.push({ close: () => replica.remove() }, { close: () => name.close() });
    await vi.waitUntil(
      async () => String(await operate(replica.url, "INFO", "replication")).includes("link_status:up"),
      5_000,
    );
  });

  /** Until the replica has what was written. */
  async function replicated(): Promise<void> {
    await vi.waitUntil(async () => Number(await operate(server.url, "WAIT", "1", "100")) === 1, 5_000);
  }

  /** The name leads to the new primary; connections of before stay with the old one. */
  async function failOver(): Promise<void> {
    await replicated();
    await operate(replica.url, "REPLICAOF", "NO", "ONE");
    await operate(server.url, "REPLICAOF", "127.0.0.1", String(replica.port));
    name.lead(replica.port);
  }

  it("costs one refused write; then the store is with the new one, which has everything", async () => {
    const store = await open(clientOf(name.url));
    await store.setIfAbsent("grant", "sealed", hour);
    await store.increment("count", hour);
    await failOver();

    const refusals = await refusalsUntilTaken(() => store.increment("count", hour));
    expect(refusals).toEqual([coded("store_unavailable", "READONLY")]);
    expect(await store.increment("count", hour)).toBe(3);
    expect(await store.compareAndSet("grant", "sealed", "newer", hour)).toBe(true);
    expect(await store.take("grant")).toBe("newer");
    expect(await operate(replica.url, "DBSIZE")).toBe(1);
  });

  it("answers no step that decides something from what it has, be it nothing", async () => {
    const theirs = await clientOf(name.url)
      .on("error", () => undefined)
      .connect();
    opened.push({ close: async () => theirs.destroy() });
    const store = await open(theirs);
    await store.setIfAbsent("grant", "sealed", hour);
    await failOver();
    const steps = [
      () => store.take("nothing"),
      () => store.take("grant"),
      () => store.compareAndSet("grant", "another", "newer", hour),
      () => store.compareAndSet("nothing", "another", "newer", hour),
      () => store.compareAndSet("grant", undefined, "newer", hour),
      () => store.setIfAbsent("grant", "newer", hour),
      () => store.increment("count", hour),
      () => store.delete("nothing"),
    ];
    for (const step of steps) await expect(step()).rejects.toThrow(coded("store_unavailable", "READONLY"));
    // A connection that we did not open is not ours to end.
    expect(theirs.isReady).toBe(true);
  });

  it("and that does not know its data any more says so", async () => {
    const store = await open(clientOf(name.url));
    await store.setIfAbsent("grant", "sealed", hour);
    await replicated();
    await operate(server.url, "CONFIG", "SET", "replica-serve-stale-data", "no");
    await operate(server.url, "REPLICAOF", "127.0.0.1", "1");
    await expect(store.get("grant")).rejects.toThrow(coded("store_unavailable", "MASTERDOWN"));
    name.lead(replica.port);
    await operate(replica.url, "REPLICAOF", "NO", "ONE");
    await refusalsUntilTaken(() => store.get("grant"));
    expect(await store.get("grant")).toBe("sealed");
  });
});

it("a server that is still reading its data says so, and has it afterwards", async () => {
  server = await startRedis();
  const store = await open(clientOf(server.url));
  for (let index = 0; index < 400; index += 1) await store.setIfAbsent(`grant:${index}`, "sealed", hour);
  await operate(server.url, "SAVE");
  await server.stop();
  const slowly = ["--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024"];
  const started = server.start({ settings: slowly });
  const refusals = await refusalsUntilTaken(async () => store.get("grant:7"));
  await started;
  expect(refusals).toContainEqual(
    expect.objectContaining({ category: "retry", message: expect.stringContaining("LOADING") as string }),
  );
  expect(await store.take("grant:399")).toBe("sealed");
});

describe("a password that is replaced", () => {
  let password = "first";
  const url = (): string => `redis://:${password}@127.0.0.1:${server.port}`;

  beforeEach(async () => {
    password = "first";
    server = await startRedis(["--requirepass", password]);
  });

  async function replace(): Promise<void> {
    await operate(url(), "CONFIG", "SET", "requirepass", "second");
    password = "second";
    await operate(url(), "CLIENT", "KILL", "TYPE", "normal");
  }

  it("is a matter of configuration for a client that keeps the old one", async () => {
    const store = await open(clientOf(server.url, { password }));
    await replace();
    const refused = await store.increment("count", hour).catch((error: unknown) => error);
    expect(refused).toEqual(coded("store_unavailable", "Redis refused"));
    expect(refused).toMatchObject({ category: "config", help: expect.stringContaining("password") });
    expect(String(refused)).not.toMatch(/first|second/);
  });

  it("is asked for anew by a client that knows where to ask", async () => {
    const credentialsProvider = {
      type: "async-credentials-provider" as const,
      credentials: async () => ({ password }),
    };
    const store = await open(clientOf(server.url, { credentialsProvider }));
    await store.setIfAbsent("grant", "sealed", hour);
    await replace();
    await answering(store);
    expect(await store.take("grant")).toBe("sealed");
  });

  it("that a client does not have at all is missing by name", async () => {
    await expect(open(clientOf(server.url), 500)).rejects.toThrow(
      expect.objectContaining({ category: "config", message: expect.stringContaining("NOAUTH") as string }),
    );
  });
});

it("a client that has given up is connected again by the next call", async () => {
  server = await startRedis();
  const store = await open(clientOf(server.url, { socket: { reconnectStrategy: false } }));
  await server.stop();
  await expect(store.get("grant")).rejects.toThrow(coded("store_unavailable"));
  await server.start();
  await answering(store);
  expect(await store.setIfAbsent("grant", "sealed", hour)).toBe(true);
});
