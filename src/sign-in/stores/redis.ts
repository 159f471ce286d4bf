import { check, made, milliseconds, oneOf, optional, orElse } from "../../options/checks.js";
import { isHostedAgentIdentityError } from "../../errors.js";
import { readOptions, type OptionCheck, type OptionTable } from "../../options/option-table.js";
import { withDeadline } from "../../async/deadline.js";
import type { SignInStore } from "./store.js";
import { storeUnsuitableCauses } from "../../errors/causes/sign-in.js";
import { fromClient, redisCalls } from "./redis-calls.js";
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
  /** What you know of a Redis that does not tell its policy; what it tells counts more. */
  readonly maxmemoryPolicy?: "noeviction";
}

/**
 * Keeps sign-ins in Redis (6.0 or newer): the store for more than one process. Takes a client of the official
 * package `redis`. One that is not connected yet is connected by `start()`, connected anew when nothing comes
 * back any more, and closed by `close()`; an open one stays yours. Scripts are sent whole each time, so that a
 * server that was restarted or replaced needs nothing.
 *
 * `start()` throws `store_unsuitable` when Redis may evict (any `maxmemory-policy` but `noeviction`): an
 * evicted counter would give a guesser more tries. Every method throws `store_unavailable` when Redis does
 * not answer in time, refuses or is full: a write may then have been done or not. `closed` after `close()`.
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
  const { keyPrefix, timeoutMs } = settings;
  let isClosed = false;
  let connecting: Promise<unknown> | undefined;

  // Without a listener a lost connection would end the process; each call says itself that it failed.
  client.on("error", () => undefined);

  const connect = (): void => {
    connecting = client.connect();
    connecting.catch(() => undefined);
  };

  /** Only what we have opened, and not while the client is busy with that itself. */
  const renew = (): void => {
    if (connecting === undefined || !client.isOpen || client.isReady === false) return;
    client.destroy();
    connect();
  };

  const calls = redisCalls(client, timeoutMs, renew);

  const refuseClosed = (): void => {
    if (isClosed) throw closed("redisStore()");
  };

  const script = <T>(
    text: string,
    key: string,
    values: readonly string[],
    read: (reply: unknown) => T | undefined,
  ): Promise<T> => {
    refuseClosed();
    return calls.change(
      (redis) => redis.eval(text, { keys: [keyPrefix + key], arguments: [...values] }),
      read,
    );
  };

  /** The client goes on trying when this has given up. */
  const connected = async (): Promise<void> => {
    const late = (): Error => unavailable(`Redis could not be reached within ${timeoutMs} ms.`);
    await withDeadline(timeoutMs, undefined, late, async () => connecting).catch((error: unknown) => {
      throw isHostedAgentIdentityError(error) ? error : fromClient(error);
    });
  };

  /** `undefined` when Redis is there and does not tell. */
  const toldPolicy = async (): Promise<string | undefined> => {
    try {
      const info = await calls.look((redis) => redis.info("memory"), text);
      return /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
    } catch {
      await calls.look((redis) => redis.get(`${keyPrefix}start`), found);
      return undefined;
    }
  };

  return {
    shared: true,
    async start() {
      refuseClosed();
      if (!client.isOpen) connect();
      await connected();
      refuseEviction((await toldPolicy()) ?? settings.maxmemoryPolicy);
    },
    async get(key) {
      refuseClosed();
      return (await calls.look((redis) => redis.get(keyPrefix + key), found)).value;
    },
    async setIfAbsent(key, value, ttlMs) {
      return script(compareAndSet, key, ["0", "", value, String(wholeTtl(ttlMs))], oneOrZero);
    },
    async increment(key, ttlMs) {
      return script(increment, key, [String(wholeTtl(ttlMs))], count);
    },
    async compareAndSet(key, expected, value, ttlMs) {
      const isExpected = expected === undefined ? "0" : "1";
      return script(
        compareAndSet,
        key,
        [isExpected, expected ?? "", value, String(wholeTtl(ttlMs))],
        oneOrZero,
      );
    },
    async take(key) {
      return (await script(take, key, [], found)).value;
    },
    async delete(key) {
      refuseClosed();
      await calls.change((redis) => redis.del(keyPrefix + key), count);
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      if (connecting !== undefined && client.isOpen) await disconnect(client, timeoutMs);
    },
  };
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

// A missing key is `false` in a script. ARGV: is a value expected, which, the new one, its lifetime.
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

/** The lifetime of a key that is evicted is not the one that was asked for. */
function refuseEviction(policy: string | undefined): void {
  if (policy === "noeviction") return;
  const found = policy === undefined ? "does not tell its maxmemory-policy" : `evicts (${policy})`;
  throw unsuitable(
    `This Redis ${found}; sign-in needs one that drops nothing before its time.`,
    storeUnsuitableCauses[policy === undefined ? "policyUnknown" : "evicts"],
  );
}

/** Waits for what is under way, but not for a server that hangs. */
async function disconnect(client: RedisClient, timeoutMs: number): Promise<void> {
  const late = (): Error => unavailable("Redis did not let go in time.");
  await withDeadline(timeoutMs, undefined, late, () => client.close()).catch(() => client.destroy());
}

const text = (reply: unknown): string | undefined => (typeof reply === "string" ? reply : undefined);

const count = (reply: unknown): number | undefined =>
  Number.isSafeInteger(reply) ? Number(reply) : undefined;

const oneOrZero = (reply: unknown): boolean | undefined =>
  reply === 1 ? true : reply === 0 ? false : undefined;

const found = (reply: unknown): { readonly value: string | undefined } | undefined =>
  reply === null ? { value: undefined } : typeof reply === "string" ? { value: reply } : undefined;
