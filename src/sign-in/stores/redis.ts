import { createHash } from "node:crypto";
import { storeUnsuitableCauses } from "../../errors/causes/sign-in.js";
import { isHostedAgentIdentityError } from "../../errors.js";
import { check, made, milliseconds, oneOf, optional, orElse } from "../../options/checks.js";
import { unexpected } from "../../options/invalid.js";
import { readOptions, type OptionCheck, type OptionTable } from "../../options/option-table.js";
import type { ScannedPage, SignInStore } from "./store.js";
import { askNode, redisCalls, type RedisCalls } from "./redis-calls.js";
import type { RedisClient, RedisCommands, RedisNode } from "./redis-client.js";
import { nodesOf } from "./redis-nodes.js";
import { redisReplicas } from "./redis-replicas.js";
import { markOf, mayBeUnmarked, redisSteps, type RedisSteps, storedForm, valueIn } from "./redis-steps.js";
import { closed, unavailable, unsuitable, wholeLimit, wholeTtl } from "./refusals.js";

/**
 * Options of {@link redisStore}.
 * @group Sign-in
 */
export interface RedisStoreOptions {
  /** Before each key, default `hosted-agent-identity:`. */
  readonly keyPrefix?: string;
  /** For each call, connecting included; default 2 000. */
  readonly timeoutMs?: number;
  /** The policy of a Redis that does not tell it. If Redis tells one, that one counts. */
  readonly maxmemoryPolicy?: "noeviction";
}

/**
 * Stores sign-ins in Redis (6.0 or newer): the store for more than one process. Takes a client of the official package
 * `redis`: of `createClient()`, `createClientPool()`, for a cluster `createCluster()`, or behind sentinels
 * `createSentinel()` (tested with `redis` 6). A client that is not connected yet is connected by `start()`, connected
 * anew when its connection leads nowhere any more (nothing comes back, the server was demoted, the password replaced),
 * and closed by `close()`. An open one stays yours. Commands that are sent in the same turn of the event loop go as one
 * script, on a cluster one by one. A server that was restarted or replaced needs no preparation.
 *
 * Where the primary has replicas, `replicated()` waits until one of them has a write, on a connection of its own.
 *
 * `start()` throws `store_unsuitable` when Redis may evict (any `maxmemory-policy` but `noeviction`): an
 * evicted counter would give a guesser more tries. It also throws it when the client of one server stands in front of a
 * cluster. Every method throws `store_unavailable` when Redis does not answer in time, refuses or is full: a write may
 * then have happened or not. `closed` after `close()`.
 *
 * Entry point: `hosted-agent-identity/sign-in`.
 *
 * @example
 * ```ts
 * import { createClient, createCluster } from "redis";
 * import { redisStore } from "hosted-agent-identity/sign-in";
 *
 * export const store = redisStore(createClient({ url: "rediss://redis.example.com:6379" }));
 *
 * export const onCluster = redisStore(createCluster({ rootNodes: [{ url: "rediss://redis.example.com:10000" }] }));
 * ```
 * @group Sign-in
 */
export function redisStore(client: RedisClient, options: RedisStoreOptions = {}): SignInStore {
  clientCheck.read(client, "redisStore: client");
  const settings = readOptions("redisStore", redisStoreOptions, options);
  const { keyPrefix, timeoutMs, maxmemoryPolicy } = settings;
  const calls = redisCalls(client, timeoutMs);
  const steps = redisSteps(client, calls);
  const state: RedisStoreState = { client, calls, steps, keyPrefix, timeoutMs };
  const replicas = redisReplicas(client, calls, timeoutMs);
  let isClosed = false;
  const open = (): RedisStoreState => {
    if (isClosed) throw closed("redisStore()");
    return state;
  };

  return {
    shared: true,
    async start() {
      open();
      await calls.open();
      for (const node of nodesOf(client))
        refuseEviction((await evictionPolicy(state, node)) ?? maxmemoryPolicy);
      if (client.masters === undefined) await refuseCluster(state);
    },
    get: async (key) => read(open(), key),
    setIfAbsent: async (key, value, ttlMs) => setNew(open(), key, value, ttlMs),
    increment: async (key, ttlMs) => step(open(), key, ["count", String(wholeTtl(ttlMs))], count),
    compareAndSet: async (key, expected, value, ttlMs) =>
      expected === undefined
        ? setNew(open(), key, value, ttlMs)
        : swap(open(), key, expected, [storedForm(value), String(wholeTtl(ttlMs))]),
    take: async (key) => (await step(open(), key, ["take"], found)).value,
    async delete(key) {
      open();
      const name = keyPrefix + key;
      await steps.run({ key: name, values: ["drop"], alone: (redis) => redis.del(name) }, count);
    },
    scan: async (prefix, cursor, limit) => scan(open(), prefix, cursor, limit),
    async replicated(key) {
      open();
      await replicas.confirm(keyPrefix + key);
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      steps.flush();
      await Promise.all([calls.close(), replicas.close()]);
    },
  };
}

interface RedisStoreState {
  readonly client: RedisClient;
  readonly calls: RedisCalls;
  readonly steps: RedisSteps;
  readonly keyPrefix: string;
  readonly timeoutMs: number;
}

/** Runs a step that no single command does, as one atomic step of Redis. */
function step<T>(
  { steps, keyPrefix }: RedisStoreState,
  key: string,
  values: readonly string[],
  reading: (reply: unknown) => T | undefined,
): Promise<T> {
  return steps.run({ key: keyPrefix + key, values }, reading);
}

/** `written`: the stored form of the new value, and its lifetime. */
async function swap(
  state: RedisStoreState,
  key: string,
  expected: string,
  written: readonly string[],
): Promise<boolean> {
  const reply = await step(state, key, ["swap", markOf(expected), ...written], swapped);
  if (reply === 1) return true;
  return mayBeUnmarked(expected, -reply)
    ? (await step(state, key, ["whole", expected, ...written], swapped)) === 1
    : false;
}

async function read(state: RedisStoreState, key: string): Promise<string | undefined> {
  const { client, steps, keyPrefix } = state;
  const name = keyPrefix + key;
  // Replicas are behind. A script is sent to the primary, also by a client that reads from them.
  const get = { key: name, values: ["get"], isLook: true };
  const reply =
    (client.replicas?.length ?? 0) > 0
      ? steps.run(get, found)
      : steps.run({ ...get, alone: (redis) => redis.get(name) }, found);
  return (await reply).value;
}

async function setNew(
  { steps, keyPrefix }: RedisStoreState,
  key: string,
  value: string,
  ttlMs: number,
): Promise<boolean> {
  const name = keyPrefix + key;
  const lifetime = wholeTtl(ttlMs);
  const stored = storedForm(value);
  const alone = (redis: RedisCommands): Promise<unknown> =>
    redis.set(name, stored, { NX: true, PX: lifetime });
  return steps.run({ key: name, values: ["new", stored, String(lifetime)], alone }, okOrNull);
}

/** The `maxmemory-policy`; `undefined` for a Redis that answers but does not tell it. */
async function evictionPolicy(
  state: RedisStoreState,
  node: RedisNode | undefined,
): Promise<string | undefined> {
  const { client, calls } = state;
  try {
    const info = await askNode(client, calls, node, (redis) => redis.info("memory"), text);
    return /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  } catch {
    await read(state, "start");
    return undefined;
  }
}

/** Throws `store_unsuitable` for a Redis that may evict keys before their time. */
function refuseEviction(policy: string | undefined): void {
  if (policy === "noeviction") return;
  const said = policy === undefined ? "does not tell its maxmemory-policy" : `evicts (${policy})`;
  throw unsuitable(
    `This Redis ${said}; sign-in needs one that drops nothing before its time.`,
    storeUnsuitableCauses[policy === undefined ? "policyUnknown" : "evicts"],
  );
}

/** So many that a node of a cluster refuses at least one of them, also one that serves nearly all keys. */
const probes = 64;

/**
 * Throws `store_unsuitable` for the client of one server in front of a cluster. What the server tells of itself does not
 * count: a proxy in front of a cluster serves all keys, and a cluster of one node does too.
 */
async function refuseCluster(state: RedisStoreState): Promise<void> {
  try {
    await Promise.all(Array.from({ length: probes }, (_, index) => read(state, `start:${index}`)));
  } catch (error) {
    const word = isHostedAgentIdentityError(error)
      ? /^Redis refused: "(\w+)/.exec(error.message)?.[1]
      : undefined;
    if (word !== "MOVED" && word !== "ASK") throw error;
    throw unsuitable(
      "This Redis is a cluster, and the client is one for a single server: most keys would be refused.",
      storeUnsuitableCauses.cluster,
    );
  }
}

/** Where the next page begins. */
interface Place {
  /** Which primaries there were: their positions count only among the same ones. */
  readonly among: string;
  /** The position of the primary that is being asked; the number of primaries after the last one. */
  readonly node: number;
  /** Of this primary's `SCAN`. */
  readonly at: string;
  /** Names that were found for the last page and did not fit there. */
  readonly rest: readonly string[];
}

/** In keys that are looked at in one command. Redis serves nobody else meanwhile. */
const mostAtOnce = 1_000;

async function scan(
  state: RedisStoreState,
  prefix: string,
  cursor: string | undefined,
  limit: number,
): Promise<ScannedPage> {
  wholeLimit(limit);
  const { client, calls, keyPrefix, timeoutMs } = state;
  const nodes = nodesOf(client);
  const among = createHash("sha256")
    .update(nodes.map((one) => one?.address).join())
    .digest("base64url")
    .slice(0, 16);
  const place = cursor === undefined ? { among, node: 0, at: "0", rest: [] } : readPlace(cursor);
  if (place.among !== among)
    throw unavailable("The cluster has changed while its records were listed: begin again.");
  // A client may put a prefix of its own before each key, but not before this pattern.
  const match = `*${(keyPrefix + prefix).replace(/[*?[\]\\]/g, "\\$&")}*`;
  const names = new Set(place.rest);
  let { node, at } = place;
  let atOnce = Math.min(Math.max(limit, 10), mostAtOnce);
  for (const since = performance.now(); names.size < limit && node < nodes.length;) {
    const step = { MATCH: match, COUNT: atOnce };
    const from = at;
    const found = await askNode(client, calls, nodes[node], (redis) => redis.scan(from, step), scanned);
    for (const key of found.keys) names.add(key.slice(key.indexOf(keyPrefix + prefix) + keyPrefix.length));
    at = found.cursor;
    if (at === "0") node += 1;
    if (performance.now() - since > timeoutMs / 2) break;
    // Among many keys of others, our own are found in larger steps.
    if (found.keys.length === 0) atOnce = Math.min(atOnce * 2, mostAtOnce);
  }
  const all = [...names];
  const rest = all.slice(limit);
  const records = await Promise.all(
    all.slice(0, limit).map(async (key) => [key, await read(state, key)] as const),
  );
  return {
    records: records.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])),
    next: rest.length > 0 || node < nodes.length ? writePlace({ among, node, at, rest }) : undefined,
  };
}

function writePlace(place: Place): string {
  return Buffer.from(JSON.stringify([place.among, place.node, place.at, ...place.rest])).toString(
    "base64url",
  );
}

function readPlace(cursor: string): Place {
  const refused = (): Error => unexpected("cursor", "what the page before gave as next", cursor, "");
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(cursor, "base64url").toString());
  } catch {
    throw refused();
  }
  if (!Array.isArray(parts)) throw refused();
  const [among, node, at, ...rest]: readonly unknown[] = parts;
  const isName = (one: unknown): one is string => typeof one === "string";
  if (!isName(among) || !Number.isSafeInteger(node) || !isName(at) || !rest.every(isName)) throw refused();
  return { among, node: Number(node), at, rest };
}

const clientCheck: OptionCheck<RedisClient> = made<RedisClient>(
  "a client of the package redis 5 or newer, from createClient(), createClientPool(), createCluster() or createSentinel() (redis 4, redis 3 and ioredis will not do)",
  {
    connect: "function",
    close: "function",
    destroy: "function",
    on: "function",
    withCommandOptions: "function",
  },
);

/** The options of {@link redisStore}. */
export const redisStoreOptions: OptionTable<RedisStoreOptions, "keyPrefix" | "timeoutMs"> = {
  keyPrefix: orElse(
    check<string>("text", "a text, which may be empty", () => true),
    "hosted-agent-identity:",
  ),
  timeoutMs: orElse(milliseconds(), 2_000),
  maxmemoryPolicy: optional(oneOf("noeviction")),
};

const text = (reply: unknown): string | undefined => (typeof reply === "string" ? reply : undefined);

const count = (reply: unknown): number | undefined =>
  Number.isSafeInteger(reply) ? Number(reply) : undefined;

/** 1, or 0 and less: how long the text is that was there instead. */
const swapped = (reply: unknown): number | undefined =>
  Number.isSafeInteger(reply) && Number(reply) <= 1 ? Number(reply) : undefined;

const okOrNull = (reply: unknown): boolean | undefined =>
  reply === "OK" ? true : reply === null ? false : undefined;

const found = (reply: unknown): { readonly value: string | undefined } | undefined =>
  reply === null ? { value: undefined } : typeof reply === "string" ? { value: valueIn(reply) } : undefined;

function scanned(reply: unknown): { readonly cursor: string; readonly keys: readonly string[] } | undefined {
  if (typeof reply !== "object" || reply === null || !("cursor" in reply) || !("keys" in reply))
    return undefined;
  const { cursor, keys } = reply;
  const isText = (one: unknown): one is string => typeof one === "string";
  return isText(cursor) && Array.isArray(keys) && keys.every(isText) ? { cursor, keys } : undefined;
}
