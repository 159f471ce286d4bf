import type { SignInStore } from "./store.js";

/** Runs one step of a store. It may wait first, change the key, or end the step early. */
export type AroundStep = <T>(key: string, step: (key: string) => Promise<T>) => Promise<T>;

/** A store that takes each step through `around`. */
export function wrappedStore(store: SignInStore, around: AroundStep): SignInStore {
  const { replicated, scan } = store;
  return {
    shared: store.shared,
    get: (name) => around(name, (key) => store.get(key)),
    setIfAbsent: (name, value, ttlMs) => around(name, (key) => store.setIfAbsent(key, value, ttlMs)),
    increment: (name, ttlMs) => around(name, (key) => store.increment(key, ttlMs)),
    compareAndSet: (name, expected, value, ttlMs) =>
      around(name, (key) => store.compareAndSet(key, expected, value, ttlMs)),
    take: (name) => around(name, (key) => store.take(key)),
    delete: (name) => around(name, (key) => store.delete(key)),
    replicated:
      replicated === undefined ? undefined : (name) => around(name, (key) => replicated.call(store, key)),
    scan:
      scan === undefined
        ? undefined
        : (prefix, cursor, limit) => around(prefix, (key) => scan.call(store, key, cursor, limit)),
    start: async () => store.start?.(),
    close: async () => store.close?.(),
  };
}
