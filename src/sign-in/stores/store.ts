import { made } from "../../options/checks.js";
import { type OptionCheck } from "../../options/option-table.js";

/**
 * Where sign-in keeps what it must not lose: grants, codes, counters. Values are text that is already encrypted,
 * but for counters and marks. A key is the kind of record (`grant:`, `prompt:` …) and an HMAC, about 55 characters:
 * a store learns neither who signed in nor what for, also not of a person it knows.
 *
 * Where a store of yours has a limit, refuse `prompt:` first and `pending:`, `tries:` and `state:` next, as our own
 * do: what they hold is thrown away within the hour.
 *
 * Each method is one atomic step, also between processes. A store may forget what has expired; it must not
 * forget anything else: what is lost means that people are asked to sign in again.
 *
 * Test yours with `signInStoreSuite()` of `hosted-agent-identity/testing`.
 * @group Sign-in
 */
export interface SignInStore {
  /** The value, or `undefined` when there is none or it has expired. */
  get(key: string): Promise<string | undefined>;
  /** Writes only if there is no live value; tells whether it did. `ttlMs` in milliseconds. */
  setIfAbsent(key: string, value: string, ttlMs: number): Promise<boolean>;
  /** Counts up and returns the new number; the first call starts the lifetime, later ones do not extend it. */
  increment(key: string, ttlMs: number): Promise<number>;
  /** Writes only if the live value is exactly `expected` (`undefined`: there is none); tells whether it did. */
  compareAndSet(key: string, expected: string | undefined, value: string, ttlMs: number): Promise<boolean>;
  /** Reads and deletes in one step: of two callers, one gets the value. */
  take(key: string): Promise<string | undefined>;
  delete(key: string): Promise<void>;
  /** Whether several processes may share it. Memory and file stores are for one process. */
  readonly shared: boolean;
  /** Called before anything else; throws when the store cannot keep its promises (for example evicts). */
  start?(): Promise<void>;
  close?(): Promise<void>;
}

/** The option `store`. */
export const storeOption: OptionCheck<SignInStore> = made<SignInStore>(
  "redisStore(), fileStore(), memoryStore() or your own SignInStore",
  {
    get: "function",
    setIfAbsent: "function",
    increment: "function",
    compareAndSet: "function",
    take: "function",
    delete: "function",
    shared: "boolean",
  },
);
