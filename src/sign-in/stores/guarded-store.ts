import { inBackground } from "../../async/background-timer.js";
import { HostedAgentIdentityError, isHostedAgentIdentityError } from "../../errors.js";
import type { SignInStore } from "./store.js";

/**
 * How long one step of a store may take, in milliseconds. Clients on a dead connection wait for ever. Longer
 * than the deadlines of our own stores, which say better what is wrong.
 */
const defaultMs = 5_000;

const guarded: WeakSet<SignInStore> = new WeakSet();

/**
 * The store with our own timeout on each step, and our own error for whatever goes wrong in it: a store that
 * is down is an error, never an answer.
 */
export function guardedStore(store: SignInStore, timeoutMs: number = defaultMs): SignInStore {
  if (guarded.has(store)) return store;
  // Not withDeadline(): a store takes no signal, and this is on the way of every token read.
  const step = <T>(work: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const timer = inBackground(
        setTimeout(() => reject(unavailable(`The store did not answer within ${timeoutMs} ms.`)), timeoutMs),
      );
      const fail = (cause: unknown): void => {
        clearTimeout(timer);
        // What the store itself says is passed on; anything else may quote keys and values, so it is left out.
        reject(isHostedAgentIdentityError(cause) ? cause : unavailable(undefined));
      };
      try {
        work().then((value) => {
          clearTimeout(timer);
          resolve(value);
        }, fail);
      } catch (cause) {
        fail(cause);
      }
    });
  const made: SignInStore = {
    shared: store.shared,
    get: (key) => step(() => store.get(key)),
    setIfAbsent: (key, value, ttlMs) => step(() => store.setIfAbsent(key, value, ttlMs)),
    increment: (key, ttlMs) => step(() => store.increment(key, ttlMs)),
    compareAndSet: (key, expected, value, ttlMs) =>
      step(() => store.compareAndSet(key, expected, value, ttlMs)),
    take: (key) => step(() => store.take(key)),
    delete: (key) => step(() => store.delete(key)),
    // Starting may take longer: a file is read, a connection made.
    start: async () => store.start?.(),
    close: async () => store.close?.(),
  };
  guarded.add(made);
  return made;
}

function unavailable(message: string | undefined): HostedAgentIdentityError {
  return new HostedAgentIdentityError("store_unavailable", message);
}
