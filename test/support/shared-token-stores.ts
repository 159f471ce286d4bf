import KeyvRedis from "@keyv/redis";
import { Keyv } from "keyv";
import type { SharedTokenStore } from "hosted-agent-identity";

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

/** A real Keyv on a real Redis, set up as the guide on scaling says: it throws instead of looking empty. */
export function keyvOnRedis(url: string): { store: Keyv; close(): Promise<void> } {
  const redis = new KeyvRedis(url, { throwOnErrors: true, throwOnConnectError: true });
  const store = new Keyv(redis, { namespace: "agent", throwOnErrors: true });
  store.on("error", () => undefined);
  return { store, close: () => redis.disconnect(true) };
}
