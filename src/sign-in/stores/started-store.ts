import type { SignInStore } from "./store.js";
import { wrappedStore } from "./wrapped-store.js";

/** A store that starts by itself before its first step, and again later if that failed. */
export interface StartedStore extends SignInStore {
  start(): Promise<void>;
}

/** The first step starts the store, and all others wait for that. */
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
  return {
    ...wrappedStore(store, (key, step) => (isStarted ? step(key) : start().then(() => step(key)))),
    start,
  };
}
