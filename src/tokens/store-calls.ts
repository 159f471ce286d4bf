import { emit, type OnEvent } from "../events/events.js";
import { made } from "../options/checks.js";
import { type OptionCheck } from "../options/option-table.js";
import { withDeadline } from "../async/deadline.js";

/**
 * Where several processes share text that is already encrypted. A `Keyv` instance fits as it is. It may lose what it
 * holds: those tokens are exchanged again. Neither keys nor values name a user.
 *
 * Entry point: `hosted-agent-identity`. For `sharedCache` of `userAccess()`.
 *
 * @example
 * ```ts
 * import type { SharedTokenStore } from "hosted-agent-identity";
 * import { createClient } from "redis";
 *
 * export function onRedis(redis: ReturnType<typeof createClient>): SharedTokenStore {
 *   return {
 *     get: (key) => redis.get(key),
 *     getMany: (keys) => redis.mGet(keys),
 *     set: (key, value, ttlMs) => redis.set(key, value, { PX: ttlMs }),
 *     delete: (key) => redis.del(key),
 *   };
 * }
 * ```
 * @group Tokens
 */
export interface SharedTokenStore {
  /** The text of a key; `undefined` or `null` when there is none. */
  get(key: string): Promise<unknown>;
  /** Keeps the text for `ttlMs` milliseconds. Throws, or gives `false`, when it did not. */
  set(key: string, value: string, ttlMs: number): Promise<unknown>;
  delete(key: string): Promise<unknown>;
  /**
   * The texts of several keys with one command: half as many for each token. Rejects when one of them could not be
   * read. Leave it out where it would not, and on a Redis Cluster, which refuses `MGET` for keys of different slots.
   */
  getMany?(keys: string[]): Promise<readonly unknown[]>;
}

/** A store for {@link storeCalls}. */
export const sharedStoreOption: OptionCheck<SharedTokenStore> = made<SharedTokenStore>(
  "a Keyv instance, or an object with get, set and delete",
  { get: "function", set: "function", delete: "function" },
);

/** Calls of a store that may be down: each ends in time, and none throws. */
export interface StoreCalls {
  /** What stands under the keys, or `undefined` when the store cannot be used now. */
  read(keys: readonly string[]): Promise<readonly unknown[] | undefined>;
  write(key: string, value: string, ttlMs: number): Promise<void>;
  remove(key: string): Promise<void>;
}

/** What the calls of one store are made from. */
export interface StoreCallsOptions {
  readonly store: SharedTokenStore;
  readonly timeoutMs: number;
  readonly serverLabel: string;
  readonly age: () => number;
  readonly onEvent: OnEvent | undefined;
}

type CallName = "get" | "set" | "delete";

const firstPauseMs = 1_000;
const longestPauseMs = 30_000;

/**
 * Makes the calls of one store. A client on a dead connection waits forever, so each call has a timeout of its own.
 * After one that failed the store is left alone for a while, so an outage costs one timeout now and then, and not one
 * for every call. Each kind of call pauses by itself: a full store can still be read.
 */
export function storeCalls(options: StoreCallsOptions): StoreCalls {
  const { store, timeoutMs } = options;
  const reading = pauses(options);
  const writing = pauses(options);
  const removing = pauses(options);

  const call = async <T>(pause: Pauses, name: CallName, work: () => Promise<T>): Promise<T | undefined> => {
    if (!pause.mayCall()) return undefined;
    try {
      const answer = await withDeadline(
        timeoutMs,
        undefined,
        () => new Late(),
        async () => work(),
      );
      pause.succeeded(name);
      return answer;
    } catch (cause) {
      // What the client says may quote keys and values: the event says only which call it was.
      pause.failed(name, cause instanceof Late ? "timeout" : "error");
      return undefined;
    }
  };

  const many = readerOfMany(store);

  return {
    read: (keys) =>
      call(reading, "get", () => many?.([...keys]) ?? Promise.all(keys.map((key) => store.get(key)))),
    async write(key, value, ttlMs) {
      await call(writing, "set", async () => {
        // Keyv's way of saying that it did not work.
        if ((await store.set(key, value, ttlMs)) === false) throw new Error("The store did not keep it.");
      });
    },
    async remove(key) {
      await call(removing, "delete", () => store.delete(key));
    },
  };
}

class Late extends Error {}

/**
 * One call for several keys, where it fails as a whole. Most adapters of Keyv give nothing for a key that could not be
 * read: a user whom another replica has forgotten would look like one whom nobody has. So only with an adapter on
 * node-redis, which has `MGET`.
 */
function readerOfMany(
  store: SharedTokenStore,
): ((keys: string[]) => Promise<readonly unknown[]>) | undefined {
  if (typeof store.getMany !== "function") return undefined;
  const { opts } = store as { readonly opts?: KeyvOptions | undefined };
  const isWhole = opts?.store === undefined || typeof opts.store.client?.mGet === "function";
  return isWhole ? (keys) => allOf(keys, store.getMany?.(keys)) : undefined;
}

async function allOf(
  keys: readonly string[],
  reading: Promise<readonly unknown[]> | undefined,
): Promise<readonly unknown[]> {
  const read = await reading;
  if (read?.length !== keys.length) throw new Error("The store gave another number of values than of keys.");
  return read;
}

/** What a Keyv instance has beside its methods. */
interface KeyvOptions {
  readonly store?: { readonly client?: { readonly mGet?: unknown } };
}

interface Pauses {
  /** Whether the store may be called. After a pause one call goes ahead, and the others wait for how it ends. */
  mayCall(): boolean;
  succeeded(name: CallName): void;
  failed(name: CallName, reason: "timeout" | "error"): void;
}

function pauses({ serverLabel, age, onEvent }: StoreCallsOptions): Pauses {
  let lastMs = 0;
  let until = 0;
  let probing = false;
  const isPaused = (): boolean => until > age();
  return {
    mayCall() {
      if (lastMs === 0) return true;
      if (probing || isPaused()) return false;
      probing = true;
      return true;
    },
    succeeded(call) {
      if (lastMs === 0) return;
      lastMs = 0;
      probing = false;
      emit(onEvent, { type: "shared_cache_recovered", serverLabel, call });
    },
    failed(call, reason) {
      // Calls that were out together are one failure.
      if (isPaused()) return;
      lastMs = lastMs === 0 ? firstPauseMs : Math.min(lastMs * 2, longestPauseMs);
      until = age() + lastMs;
      probing = false;
      emit(onEvent, { type: "shared_cache_failed", serverLabel, call, reason, pausedForMs: lastMs });
    },
  };
}
