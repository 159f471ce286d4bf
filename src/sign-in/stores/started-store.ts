import type { SignInStore } from "./store.js";

/** A store that is started before it is used, and again later when that failed. */
export interface StartedStore extends SignInStore {
  start(): Promise<void>;
}

/** Makes one: whoever comes first starts the store, everybody else waits for it. */
export function startedStore(store: SignInStore): StartedStore {
  let started: Promise<void> | undefined;
  let isStarted = false;
  const start = (): Promise<void> =>
    (started ??= Promise.resolve(store.start?.()).then(
      () => {
        isStarted = true;
      },
      (cause: unknown) => {
        started = undefined;
        throw cause;
      },
    ));
  const after = <T>(step: () => Promise<T>): Promise<T> => (isStarted ? step() : start().then(step));
  return {
    shared: store.shared,
    start,
    get: (key) => after(() => store.get(key)),
    setIfAbsent: (key, value, ttlMs) => after(() => store.setIfAbsent(key, value, ttlMs)),
    increment: (key, ttlMs) => after(() => store.increment(key, ttlMs)),
    compareAndSet: (key, expected, value, ttlMs) =>
      after(() => store.compareAndSet(key, expected, value, ttlMs)),
    take: (key) => after(() => store.take(key)),
    delete: (key) => after(() => store.delete(key)),
    close: async () => store.close?.(),
  };
}
