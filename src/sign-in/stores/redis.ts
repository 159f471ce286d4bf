import { storeUnsuitableCauses } from "../../errors/causes/sign-in.js";
import { check, made, milliseconds, oneOf, optional, orElse } from "../../options/checks.js";
import { isHostedAgentIdentityError } from "../../errors.js";
import { readOptions, type OptionCheck, type OptionTable } from "../../options/option-table.js";
import { withDeadline } from "../../async/deadline.js";
import type { SignInStore } from "./store.js";
import { fromClient, redisCalls, type RedisCalls } from "./redis-calls.js";
import type { RedisClient } from "./redis-client.js";
import { closed, unavailable, unsuitable, wholeTtl } from "./refusals.js";

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
 * `redis`. A client that is not connected yet is connected by `start()`, reconnected when nothing comes back any more,
 * and closed by `close()`. An open one stays yours. Scripts are sent whole each time, so a server that was restarted
 * or replaced needs no preparation.
 *
 * `start()` throws `store_unsuitable` when Redis may evict (any `maxmemory-policy` but `noeviction`): an
 * evicted counter would give a guesser more tries. Every method throws `store_unavailable` when Redis does
 * not answer in time, refuses or is full: a write may then have happened or not. `closed` after `close()`.
 *
 * Entry point: `hosted-agent-identity/sign-in`.
 *
 * @example
 * ```ts
 * import { createClient } from "redis";
 * import { redisStore } from "hosted-agent-identity/sign-in";
 *
 * const client = createClient({ url: "rediss://redis.example.com:6380" });
 * const store = redisStore(client);
 * await store.start?.();
 * ```
 * @group Sign-in
 */
export function redisStore(client: RedisClient, options: RedisStoreOptions = {}): SignInStore {
  clientCheck.read(client, "redisStore: client");
  const settings = readOptions("redisStore", redisStoreOptions, options);
  const { keyPrefix, timeoutMs, maxmemoryPolicy } = settings;
  const connection: Connection = { client, timeoutMs, connecting: undefined };
  const calls = redisCalls(client, timeoutMs, () => reconnect(connection));
  let isClosed = false;

  // Without a listener a lost connection would end the process. Each call reports its own failure.
  client.on("error", () => undefined);

  const refuseClosed = (): void => {
    if (isClosed) throw closed("redisStore()");
  };
  const script: RunScript = (text, key, values, read) => {
    refuseClosed();
    return calls.change(
      (redis) => redis.eval(text, { keys: [keyPrefix + key], arguments: [...values] }),
      read,
    );
  };

  return {
    shared: true,
    async start() {
      refuseClosed();
      if (!client.isOpen) connect(connection);
      await connected(connection);
      refuseEviction((await evictionPolicy(calls, keyPrefix)) ?? maxmemoryPolicy);
    },
    async get(key) {
      refuseClosed();
      return (await calls.look((redis) => redis.get(keyPrefix + key), found)).value;
    },
    ...scriptedSteps(script),
    async delete(key) {
      refuseClosed();
      await calls.change((redis) => redis.del(keyPrefix + key), count);
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      if (connection.connecting !== undefined && client.isOpen) await disconnect(connection);
    },
  };
}

/** Runs a script on one key, as one atomic step of Redis. */
type RunScript = <T>(
  text: string,
  key: string,
  values: readonly string[],
  read: (reply: unknown) => T | undefined,
) => Promise<T>;

function scriptedSteps(
  script: RunScript,
): Pick<SignInStore, "setIfAbsent" | "increment" | "compareAndSet" | "take"> {
  return {
    setIfAbsent: async (key, value, ttlMs) =>
      script(compareAndSet, key, ["0", "", value, String(wholeTtl(ttlMs))], oneOrZero),
    increment: async (key, ttlMs) => script(increment, key, [String(wholeTtl(ttlMs))], count),
    async compareAndSet(key, expected, value, ttlMs) {
      const isExpected = expected === undefined ? "0" : "1";
      const values = [isExpected, expected ?? "", value, String(wholeTtl(ttlMs))];
      return script(compareAndSet, key, values, oneOrZero);
    },
    take: async (key) => (await script(take, key, [], found)).value,
  };
}

interface Connection {
  readonly client: RedisClient;
  readonly timeoutMs: number;
  /** Set once we have opened the connection: then it is ours to renew and to close. */
  connecting: Promise<unknown> | undefined;
}

function connect(connection: Connection): void {
  connection.connecting = connection.client.connect();
  connection.connecting.catch(() => undefined);
}

/** Only a connection of our own, and not while the client is reconnecting by itself. */
function reconnect(connection: Connection): void {
  const { client, connecting } = connection;
  if (connecting === undefined || !client.isOpen || client.isReady === false) return;
  client.destroy();
  connect(connection);
}

/** Waits for the connection. The client goes on trying after that has failed. */
async function connected(connection: Connection): Promise<void> {
  const { timeoutMs } = connection;
  const late = (): Error => unavailable(`Redis could not be reached within ${timeoutMs} ms.`);
  await withDeadline(timeoutMs, undefined, late, async () => connection.connecting).catch(
    (error: unknown) => {
      throw isHostedAgentIdentityError(error) ? error : fromClient(error);
    },
  );
}

/** Waits for running commands, but not for a server that hangs. */
async function disconnect({ client, timeoutMs }: Connection): Promise<void> {
  const late = (): Error => unavailable("Redis did not close in time.");
  await withDeadline(timeoutMs, undefined, late, () => client.close()).catch(() => client.destroy());
}

/** The `maxmemory-policy`; `undefined` for a Redis that answers but does not tell it. */
async function evictionPolicy(calls: RedisCalls, keyPrefix: string): Promise<string | undefined> {
  try {
    const info = await calls.look((redis) => redis.info("memory"), text);
    return /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  } catch {
    await calls.look((redis) => redis.get(`${keyPrefix}start`), found);
    return undefined;
  }
}

const clientCheck: OptionCheck<RedisClient> = made<RedisClient>("a client of the package redis 5 or newer", {
  connect: "function",
  close: "function",
  destroy: "function",
  on: "function",
  withCommandOptions: "function",
});

/** The options of {@link redisStore}. */
export const redisStoreOptions: OptionTable<RedisStoreOptions, "keyPrefix" | "timeoutMs"> = {
  keyPrefix: orElse(
    check<string>("text", "a text, which may be empty", () => true),
    "hosted-agent-identity:",
  ),
  timeoutMs: orElse(milliseconds(), 2_000),
  maxmemoryPolicy: optional(oneOf("noeviction")),
};

// A missing key is `false` in a script. ARGV: whether a value is expected, which, the new one, its lifetime.
const compareAndSet = `
local live = redis.call('GET', KEYS[1])
if ARGV[1] == '0' then
  if live then return 0 end
elseif live ~= ARGV[2] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1`;

const increment = `
local count = redis.call('INCR', KEYS[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count`;

// GETDEL does the same in one command, from Redis 6.2 on.
const take = `
local live = redis.call('GET', KEYS[1])
if live then redis.call('DEL', KEYS[1]) end
return live`;

/** Throws `store_unsuitable` for a Redis that may evict keys before their time. */
function refuseEviction(policy: string | undefined): void {
  if (policy === "noeviction") return;
  const found = policy === undefined ? "does not tell its maxmemory-policy" : `evicts (${policy})`;
  throw unsuitable(
    `This Redis ${found}; sign-in needs one that drops nothing before its time.`,
    storeUnsuitableCauses[policy === undefined ? "policyUnknown" : "evicts"],
  );
}

const text = (reply: unknown): string | undefined => (typeof reply === "string" ? reply : undefined);

const count = (reply: unknown): number | undefined =>
  Number.isSafeInteger(reply) ? Number(reply) : undefined;

const oneOrZero = (reply: unknown): boolean | undefined =>
  reply === 1 ? true : reply === 0 ? false : undefined;

const found = (reply: unknown): { readonly value: string | undefined } | undefined =>
  reply === null ? { value: undefined } : typeof reply === "string" ? { value: reply } : undefined;
