import type { SignInStore } from "./store.js";

/** Runs one step of a store. It may wait first, change the key, or end the step early. */
export type AroundStep = <T>(key: string, step: (key: string) => Promise<T>) => Promise<T>;

/** A store that takes each step through `around`. */
export function wrappedStore(store: SignInStore, around: AroundStep): SignInStore {
  return {
    shared: store.shared,
    get: (name) => around(name, (key) => store.get(key)),
    setIfAbsent: (name, value, ttlMs) => around(name, (key) => store.setIfAbsent(key, value, ttlMs)),
    increment: (name, ttlMs) => around(name, (key) => store.increment(key, ttlMs)),
    compareAndSet: (name, expected, value, ttlMs) =>
      around(name, (key) => store.compareAndSet(key, expected, value, ttlMs)),
    take: (name) => around(name, (key) => store.take(key)),
    delete: (name) => around(name, (key) => store.delete(key)),
    start: async () => store.start?.(),
    close: async () => store.close?.(),
  };
}
