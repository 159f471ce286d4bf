/** A process that has an access for each MCP server, and counts what the servers cost together. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  clientSecret,
  entraApp,
  onBehalfOf,
  passthrough,
  protectedResource,
  userAccess,
  type SharedTokenStore,
  type UserAccess,
} from "hosted-agent-identity";
import { createClient } from "redis";
import { keyvOnRedis } from "../test/support/shared-token-stores.js";
import { throttledSecret } from "./https-endpoint.js";
import type { Counted } from "./many-servers.js";
import { agentApp, contextOf, mcpApp, people, person, scope, tenant, type Person } from "./people.js";

const { ENDPOINT: loginEndpoint = "", REDIS: redisUrl = "" } = process.env;
const key = randomBytes(32).toString("base64");
const redis = createClient({ url: redisUrl }).on("error", () => undefined);
await redis.connect();
const plainStore: SharedTokenStore = {
  get: (name) => redis.get(name),
  set: (name, value, ttlMs) => redis.set(name, value, { PX: ttlMs }),
  delete: (name) => redis.del(name),
};

async function posts(): Promise<number> {
  process.send?.("posts");
  const [count] = (await once(process, "message")) as [number];
  return count;
}

/** An app of its own, with an access for each of so many servers. */
function servers(
  count: number,
  { secret = "secret", store }: { secret?: string; store?: SharedTokenStore } = {},
): UserAccess[] {
  const app = entraApp({
    tenantId: tenant,
    clientId: agentApp,
    credential: clientSecret(secret),
    cloud: { loginEndpoint },
  });
  return Array.from({ length: count }, (_, n) => {
    const resource = protectedResource({
      url: `https://mcp${n}.example.com/mcp`,
      serverLabel: `server ${n}`,
      scopes: [scope],
      audiences: [mcpApp],
    });
    const sharedCache = store && { store, encryptionKeys: [key], timeoutMs: 5_000 };
    return userAccess(
      resource,
      [passthrough(), onBehalfOf(app)],
      sharedCache === undefined ? {} : { sharedCache },
    );
  });
}

const refused = (): undefined => undefined;

async function storm(count: number, atOnce: boolean): Promise<number> {
  const accesses = servers(count, { secret: throttledSecret });
  const before = await posts();
  const contexts = people(50).map(contextOf);
  if (atOnce)
    await Promise.all(
      contexts.flatMap((context) => accesses.map((access) => access.token(context).catch(refused))),
    );
  else
    for (const context of contexts) for (const access of accesses) await access.token(context).catch(refused);
  return (await posts()) - before;
}

async function served(
  accesses: readonly UserAccess[],
  user: Person,
  atOnce = false,
): Promise<{ posts: number; tokens: number }> {
  const before = await posts();
  const context = contextOf(user);
  const given = new Set<unknown>();
  if (atOnce)
    for (const token of await Promise.all(accesses.map((access) => access.token(context)))) given.add(token);
  else for (const access of accesses) given.add(await access.token(context));
  return { posts: (await posts()) - before, tokens: given.size };
}

async function reads(): Promise<number> {
  const stats = await redis.info("commandstats");
  return [...stats.matchAll(/cmdstat_m?get:calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

async function readsOfReplica(store: SharedTokenStore, user: Person): Promise<number> {
  const before = await reads();
  await served(servers(100, { store }), user);
  return (await reads()) - before;
}

const manyStore: SharedTokenStore = { ...plainStore, getMany: (names) => redis.mGet(names) };
const keyv = keyvOnRedis(redisUrl);
const [first, second] = [person(1_000), person(1_001)];
const here = servers(100);
const inTurn = await served(here, first);
const atOnce = await served(here, second, true);
const written = servers(100, { store: manyStore });
await served(written, first);
for (const access of written) await access.close();
const records = await redis.dbSize();
const before = await reads();
const replica = await served(servers(100, { store: manyStore }), first);
const readsWithMany = (await reads()) - before;
const ofKeyv = servers(100, { store: keyv.store });
await served(ofKeyv, first);
for (const access of ofKeyv) await access.close();
const counted: Counted = {
  storm: { 1: await storm(1, false), 10: await storm(10, false), 100: await storm(100, false) },
  stormAtOnce: await storm(100, true),
  inTurn,
  atOnce,
  replica: {
    ...replica,
    records,
    reads: readsWithMany,
    readsOfKeyv: await readsOfReplica(keyv.store, first),
    readsWithoutMany: await readsOfReplica(plainStore, first),
  },
};
process.send?.(counted);
await keyv.close();
redis.destroy();
process.disconnect();
