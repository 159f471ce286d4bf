import { fork, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createCluster } from "redis";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import {
  clientSecret,
  entraApp,
  type IdentityEvent,
  onBehalfOf,
  protectedResource,
  type SharedTokenStore,
  userAccess,
  type UserAccess,
} from "hosted-agent-identity";
import { startEntra } from "hosted-agent-identity/testing";
import { compiled } from "../support/compiled.js";
import { agentApp, contextFor, mcpApp, tenant } from "../support/people.js";
import { redisOperator, type RedisOperator } from "../support/redis-operator.js";
import { askRedis, startRedis, startRedisCluster, type RedisServer } from "../support/redis-server.js";
import { keyvOnRedis } from "../support/shared-token-stores.js";
import { startTcpProxy } from "../support/tcp-proxy.js";
import { tokenEndpoint, type TokenEndpoint } from "../support/token-endpoint.js";
import type { ReplicaStart, ReplicaToken } from "./shared-cache-process.js";

const key = randomBytes(32).toString("base64");
let redis: RedisServer;

beforeEach(async () => {
  redis = await startRedis();
});
afterEach(() => redis.remove());

it("a second process, and one that is started after a crash, make no POST for five people", async () => {
  const entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["access_as_user"], secrets: ["agent-secret"] },
      { name: "people", scopes: ["people.read"] },
    ],
    users: ["Ada", "Bob", "Cleo", "Dora", "Emil"].map((name) => ({ name })),
  });
  onTestFinished(() => entra.close());
  entra.grantConsent({ allUsers: true, client: "agent", resource: "people", scopes: ["people.read"] });
  const people = entra.app("people").clientId;
  const start: ReplicaStart = {
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("agent").clientId,
    cloud: entra.cloud,
    redisUrl: redis.url,
    key,
    resource: protectedResource({
      url: "https://mcp.example.com/mcp",
      serverLabel: "people",
      scopes: [`api://${people}/people.read`],
      audiences: [people],
    }),
  };
  const userTokens = await Promise.all(
    entra.users.map(({ name }) => entra.issueUserToken({ user: name, app: "agent" })),
  );
  const posts = (): number => entra.requests.filter(({ grantType }) => grantType === "on_behalf_of").length;

  const [first, second] = await Promise.all([startReplica(start), startReplica(start)]);
  const exchanged = await first.tokens(userTokens);
  expect(exchanged.map(({ oid }) => oid)).toEqual(entra.users.map(({ oid }) => oid));
  expect(posts()).toBe(5);
  await hasKeys(5);

  expect(await second.tokens(userTokens)).toEqual(exchanged);
  await first.crash();
  const restarted = await startReplica(start);
  expect(await restarted.tokens([...userTokens].reverse())).toEqual([...exchanged].reverse());
  expect(posts()).toBe(5);
}, 60_000);

describe("a Redis", () => {
  let entra: TokenEndpoint;
  let time: number;
  let events: IdentityEvent[];

  beforeEach(async () => {
    entra = await tokenEndpoint();
    time = Date.now();
    events = [];
  });
  afterEach(() => entra.close());

  /** A busy machine is slower than any Redis: only where the timeout is the subject it is a short one. */
  function replica(url: string = redis.url, timeoutMs: number = 5_000): UserAccess {
    const { store, close } = keyvOnRedis(url);
    onTestFinished(close);
    return replicaOn(store, timeoutMs);
  }

  function replicaOn(store: SharedTokenStore, timeoutMs = 5_000): UserAccess {
    const app = entraApp({
      tenantId: tenant,
      clientId: agentApp,
      credential: clientSecret("not-a-real-secret"),
      cloud: { loginEndpoint: entra.origin },
    });
    return userAccess(
      protectedResource({
        url: "https://mcp.example.com/mcp",
        serverLabel: "contacts",
        scopes: [`api://${mcpApp}/access_as_user`],
        audiences: [mcpApp],
      }),
      [onBehalfOf(app)],
      {
        now: () => time,
        onEvent: (event) => void events.push(event),
        sharedCache: { store, encryptionKeys: [key], timeoutMs },
      },
    );
  }

  const failures = (): readonly (readonly [call: string, reason: string])[] =>
    events.flatMap((event) => (event.type === "shared_cache_failed" ? [[event.call, event.reason]] : []));
  /** Without a write that was still under way. */
  const reads = (): unknown => failures().filter(([call]) => call === "get");

  it.each(["Keyv", "node-redis"])("is read with one command for each token: %s", async (which) => {
    const client = await redisOperator(redis.url);
    onTestFinished(() => client.destroy());
    const store: SharedTokenStore = {
      get: (name) => client.get(name),
      getMany: (names) => client.mGet(names),
      set: (name, value, ttlMs) => client.set(name, value, { PX: ttlMs }),
      delete: (name) => client.del(name),
    };
    const another = (): UserAccess => (which === "Keyv" ? replica() : replicaOn(store));
    const readsSoFar = async (): Promise<readonly number[]> => {
      const stats = await client.info("commandstats");
      return ["get", "mget"].map((name) =>
        Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0),
      );
    };
    const context = contextFor();
    const first = another();
    const { token } = await first.token(context);
    await first.close();
    const [gets = 0, mgets = 0] = await readsSoFar();
    expect((await another().token(context)).token).toBe(token);
    expect(await readsSoFar()).toEqual([gets, mgets + 1]);
    const forgetting = another();
    forgetting.forget(context);
    await forgetting.close();
    expect((await another().token(context)).token).not.toBe(token);
  });

  it("that is killed costs one timeout and no token, and is used again when it is back", async () => {
    const access = replica(redis.url, 1_000);
    await access.token(contextFor());
    await hasKeys(1);
    await redis.stop();
    for (let person = 0; person < 5; person += 1) await access.token(contextFor());
    expect(reads()).toHaveLength(1);
    expect(entra.forms).toHaveLength(6);

    await redis.start({ empty: true });
    const back = contextFor();
    await recovered(access);
    await access.token(back);
    await access.close();
    const posts = entra.forms.length;
    await replica().token(back);
    expect(entra.forms).toHaveLength(posts);
  });

  it("whose line hangs costs one timeout and no token", async () => {
    const proxy = await startTcpProxy(redis.port);
    onTestFinished(() => proxy.close());
    const access = replica(proxy.url, 100);
    await access.token(contextFor());
    await hasKeys(1);
    proxy.hang();
    for (let person = 0; person < 5; person += 1) await access.token(contextFor());
    expect(reads()).toEqual([["get", "timeout"]]);
    time += 1_000;
    await Promise.all(Array.from({ length: 5 }, () => access.token(contextFor())));
    expect(reads()).toEqual([
      ["get", "timeout"],
      ["get", "timeout"],
    ]);
    expect(entra.forms).toHaveLength(11);
  });

  it("that answers slowly, but in time, spares the POST", async () => {
    const proxy = await startTcpProxy(redis.port);
    onTestFinished(() => proxy.close());
    const context = contextFor();
    const access = replica();
    await access.token(context);
    await access.close();
    const second = replica(proxy.url);
    proxy.delay(50);
    await second.token(context);
    expect(entra.forms).toHaveLength(1);
    expect(failures()).toEqual([]);
  });

  it("that is full is still read, and costs no token", async () => {
    const context = contextFor();
    const access = replica();
    await access.token(context);
    await access.close();
    await operator((client) => client.sendCommand(["CONFIG", "SET", "maxmemory", "64kb"]));
    const second = replica();
    await second.token(contextFor());
    await expect.poll(failures, { timeout: 15_000 }).toEqual([["set", "error"]]);
    await second.token(context);
    expect(entra.forms).toHaveLength(2);
  });

  it("that evicts costs a POST, and the record comes back", async () => {
    const context = contextFor();
    const access = replica();
    await access.token(context);
    await access.close();
    await operator((client) => client.flushAll());
    const second = replica();
    await second.token(context);
    await second.close();
    await replica().token(context);
    expect(entra.forms).toHaveLength(2);
  });

  it("that is a cluster spares the POST of a second replica, whichever primary has the token", async () => {
    const cluster = await startRedisCluster();
    onTestFinished(() => cluster.remove());
    const people = Array.from({ length: 12 }, () => contextFor());
    for (const _ of [1, 2]) {
      // As the guide on scaling has it, with a client of a cluster.
      const client = await createCluster({ rootNodes: cluster.urls.map((url) => ({ url })) }).connect();
      onTestFinished(() => void (client.isOpen && client.destroy()));
      const access = replicaOn({
        get: (name) => client.get(name),
        set: (name, value, ttlMs) => client.set(name, value, { PX: ttlMs }),
        delete: (name) => client.del(name),
      });
      for (const person of people) await access.token(person);
      await access.close();
    }
    expect(entra.forms).toHaveLength(people.length);
    expect(failures()).toEqual([]);
    for (const { port } of cluster.nodes) expect(await askRedis(port, "DBSIZE")).not.toBe(":0\r\n");
  }, 30_000);

  /** Lets time pass until a call gets through. */
  async function recovered(access: UserAccess): Promise<void> {
    while (!events.some(({ type }) => type === "shared_cache_recovered")) {
      time += 30_000;
      await access.token(contextFor());
    }
  }
});

interface Replica {
  tokens(userTokens: readonly string[]): Promise<readonly ReplicaToken[]>;
  crash(): Promise<void>;
}

async function startReplica(start: ReplicaStart): Promise<Replica> {
  const child: ChildProcess = fork(compiled(new URL("shared-cache-process.ts", import.meta.url)));
  const ended = once(child, "exit");
  onTestFinished(() => void child.kill("SIGKILL"));
  const asked = async (question: ReplicaStart | readonly string[]): Promise<unknown> => {
    const answer = once(child, "message");
    child.send(question);
    const early = ended.then(() => ["The process ended early."]);
    const [message] = (await Promise.race([answer, early])) as [unknown];
    if (typeof message === "string" && message !== "ready") throw new Error(message);
    return message;
  };
  await asked(start);
  return {
    tokens: async (userTokens) => (await asked(userTokens)) as readonly ReplicaToken[],
    async crash() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function hasKeys(count: number): Promise<void> {
  await operator(async (client) => {
    while ((await client.dbSize()) < count) await new Promise((done) => setTimeout(done, 5));
  });
}

async function operator(work: (client: RedisOperator) => Promise<unknown>): Promise<void> {
  const client = await redisOperator(redis.url);
  await work(client);
  client.destroy();
}
