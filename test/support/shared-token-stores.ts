import { createClient } from "redis";
import type { SharedTokenStore } from "../../src/tokens/store-calls.js";

/** A store in memory that can be made to fail, to hang, to be late, and that ignores lifetimes. */
export interface ScriptedTokenStore extends SharedTokenStore {
  readonly values: Map<string, unknown>;
  /** What was called, with the key, in order. */
  readonly calls: string[];
  /** Before each call takes effect: throw to fail it, wait to make it late. */
  before(hook: ((call: string, key: string) => unknown) | undefined): void;
}

export function scriptedTokenStore(): ScriptedTokenStore {
  const values = new Map<string, unknown>();
  const calls: string[] = [];
  let hook: ((call: string, key: string) => unknown) | undefined;
  const step = async <T>(call: string, key: string, work: () => T): Promise<T> => {
    calls.push(`${call} ${key}`);
    await hook?.(call, key);
    return work();
  };
  return {
    values,
    calls,
    before: (next) => void (hook = next),
    get: (key) => step("get", key, () => values.get(key)),
    set: (key, value) => step("set", key, () => values.set(key, value) === values),
    delete: (key) => step("delete", key, () => values.delete(key)),
  };
}

/** Redis as a Keyv instance with `@keyv/redis` shows it: a name space, `undefined` for nothing, a flag for done. */
export interface KeyvLike extends SharedTokenStore {
  close(): void;
}

export async function keyvLike(url: string): Promise<KeyvLike> {
  const client = createClient({ url });
  client.on("error", () => undefined);
  await client.connect();
  const named = (key: string): string => `keyv:${key}`;
  return {
    close: () => client.destroy(),
    get: async (key) => (await client.get(named(key))) ?? undefined,
    set: async (key, value, ttlMs) => (await client.set(named(key), value, { PX: ttlMs })) === "OK",
    delete: async (key) => (await client.del(named(key))) > 0,
  };
}

/**
 * What Keyv 5.6.0 declares of these three methods (dist/index.d.ts): whether an instance fits is for the compiler
 * to say.
 */
export interface KeyvInstance {
  get<Value = unknown>(key: string, options?: { raw: false }): Promise<Value | undefined>;
  get<Value = unknown>(
    key: string,
    options?: { raw: true },
  ): Promise<{ value?: Value; expires?: number | null } | undefined>;
  get<Value = unknown>(key: string[], options?: { raw: false }): Promise<(Value | undefined)[]>;
  set<Value = unknown>(key: string, value: Value, ttl?: number): Promise<boolean>;
  delete(key: string | string[]): Promise<boolean>;
}
