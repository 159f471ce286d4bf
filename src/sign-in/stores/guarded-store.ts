import { inBackground } from "../../async/deadline.js";
import { isHostedAgentIdentityError } from "../../errors.js";
import { unavailable } from "./refusals.js";
import type { SignInStore } from "./store.js";
import { wrappedStore } from "./wrapped-store.js";

/**
 * How long one step of a store may take, in milliseconds. Clients on a dead connection wait forever. Longer than
 * the deadlines of our own stores, whose errors say more.
 */
const defaultMs = 5_000;

/**
 * The store with a timeout on each step, and with `store_unavailable` for whatever goes wrong in one: a store that
 * is down is an error, never an answer. `start()` may take longer: it reads a file or makes a connection.
 */
export function guardedStore(store: SignInStore, timeoutMs: number = defaultMs): SignInStore {
  return wrappedStore(store, (key, step) => inTime(() => step(key), timeoutMs));
}

/** Not `withDeadline()`: a store takes no signal, and every read of a token comes through here. */
function inTime<T>(step: () => Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = inBackground(
      setTimeout(() => reject(unavailable(`The store did not answer within ${timeoutMs} ms.`)), timeoutMs),
    );
    const fail = (cause: unknown): void => {
      clearTimeout(timer);
      // Only our own errors are passed on. Others may quote keys and values.
      reject(isHostedAgentIdentityError(cause) ? cause : unavailable());
    };
    try {
      step().then((value) => {
        clearTimeout(timer);
        resolve(value);
      }, fail);
    } catch (cause) {
      fail(cause);
    }
  });
}
