import { randomBytes } from "node:crypto";
import { onBehalfOf, userAccess, type SharedTokenStore, type UserAccess } from "hosted-agent-identity";
import type { ICachePlugin } from "@azure/msal-node";
import { createClient } from "redis";
import { startRedis, type RedisServer } from "../test/support/redis-server.js";
import { networkTo, type Network } from "./network.js";
import { app, call, noTransport, resource } from "./ours.js";
import { identityCredential, identityToken } from "./peers/identity.js";
import { msalClient, msalToken } from "./peers/msal.js";
import { contextOf, people, type Person } from "./people.js";
import { median } from "./statistics.js";
import type { Row } from "./table.js";
import { tokenEndpoint, type TokenEndpoint } from "./token-endpoint.js";

const users = 2_000;
/** More take msal-node quadratic time. */
const peerUsers = 100;
const hangs = 9;
const key = randomBytes(32).toString("base64");

/** What a second replica needs for people whom the first one has served, and what an outage of the store costs. */
export async function sharedCache(): Promise<readonly Row[]> {
  const endpoint = await tokenEndpoint();
  const network = networkTo(endpoint.origin);
  const redis = await startRedis();
  try {
    return [...(await secondReplica(endpoint, network, redis)), await whileItHangs(network)];
  } finally {
    await redis.remove();
    await endpoint.close();
  }
}

function replica(network: Network, store: SharedTokenStore | undefined): UserAccess {
  return userAccess(resource, [onBehalfOf(app(network))], {
    fetch: noTransport,
    ...(store === undefined ? {} : { sharedCache: { store, encryptionKeys: [key] } }),
  });
}

async function secondReplica(
  endpoint: TokenEndpoint,
  network: Network,
  redis: RedisServer,
): Promise<readonly Row[]> {
  const client = createClient({ url: redis.url }).on("error", () => undefined);
  await client.connect();
  const used = async (): Promise<number> =>
    Number(/^used_memory:(\d+)/m.exec(await client.info("memory"))?.[1]);
  const store: SharedTokenStore = {
    get: (name) => client.get(name),
    getMany: (names) => client.mGet(names),
    set: (name, value, ttlMs) => client.set(name, value, { PX: ttlMs }),
    delete: (name) => client.del(name),
  };
  const before = await used();
  const [first, second] = [replica(network, store), replica(network, store)];
  const ours = await again(endpoint, people(users), (user, at) =>
    call(at === "first" ? first : second, contextOf(user)),
  );
  await first.close();
  await second.close();
  const bytes = ((await used()) - before) / users;
  client.destroy();
  const [msalNode, azureIdentity] = [await msal(endpoint, network), await identity(endpoint, network)];
  return [
    {
      what: "second replica, users of the first, shared store: exchanges for each",
      unit: "POSTs",
      budget: 0,
      ours: ours.posts,
      msalNode: msalNode.posts,
      azureIdentity: azureIdentity.posts,
      note: "msal-node with a cachePlugin that both share; @azure/identity has none for on-behalf-of.",
    },
    {
      what: "second replica, first call of a user p50, Redis on loopback",
      unit: "ms",
      budget: 2,
      ours: ours.ms,
      msalNode: msalNode.ms,
      azureIdentity: azureIdentity.ms,
      note: "the peers exchange again, at an endpoint on loopback that answers at once.",
    },
    { what: "shared token in Redis, its own structures included", unit: "kB", budget: 4, ours: bytes / 1000 },
  ];
}

interface Again {
  readonly posts: number;
  readonly ms: number;
}

async function msal(endpoint: TokenEndpoint, network: Network): Promise<Again> {
  let kept = "";
  const cachePlugin: ICachePlugin = {
    beforeCacheAccess: async ({ tokenCache }) => tokenCache.deserialize(kept),
    async afterCacheAccess(context) {
      if (context.cacheHasChanged) kept = context.tokenCache.serialize();
    },
  };
  const client = (): ReturnType<typeof msalClient> => msalClient(network, undefined, cachePlugin);
  const [first, second] = [client(), client()];
  return again(endpoint, people(peerUsers), (user, at) => msalToken(at === "first" ? first : second, user));
}

function identity(endpoint: TokenEndpoint, network: Network): Promise<Again> {
  return again(endpoint, people(peerUsers), (user) => identityToken(identityCredential(network, user)));
}

/** Each user in turn, at the first replica and then at the second one, which is measured. */
async function again(
  endpoint: TokenEndpoint,
  everybody: readonly Person[],
  token: (user: Person, at: "first" | "second") => Promise<unknown>,
): Promise<Again> {
  const taken: number[] = [];
  let posts = 0;
  for (const user of everybody) {
    await token(user, "first");
    posts -= endpoint.posts();
    const started = performance.now();
    await token(user, "second");
    taken.push(performance.now() - started);
    posts += endpoint.posts();
  }
  return { posts: posts / everybody.length, ms: median(taken) };
}

/** The one call of a process that meets the outage; whoever comes after it does not ask the store. */
async function whileItHangs(network: Network): Promise<Row> {
  const never = (): Promise<never> => new Promise(() => undefined);
  const added: number[] = [];
  for (const [at, user] of people(2 * hangs, 1_000_000).entries()) {
    const access = replica(network, at % 2 === 0 ? undefined : { get: never, set: never, delete: never });
    const context = contextOf(user);
    const started = performance.now();
    await call(access, context);
    const taken = performance.now() - started;
    if (at % 2 === 0) added.push(-taken);
    else added.push((added.pop() ?? 0) + taken);
  }
  return {
    what: "added to the call that finds the store hanging (timeout 250 ms)",
    unit: "ms",
    budget: 300,
    ours: median(added),
    note: "the calls after it are not held up: the store is left alone for 1 s, at the longest 30 s.",
  };
}
