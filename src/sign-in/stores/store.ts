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
  /**
   * Optional: the live records whose keys begin with `prefix`, page by page: at most `limit` (from 1), which may be
   * none, and `next` for the next call, of any process, as long as there may be more. A record that is written or deleted meanwhile may be
   * missing, and one may come twice.
   */
  readonly scan?:
    | ((prefix: string, cursor: string | undefined, limit: number) => Promise<ScannedPage>)
    | undefined;
  /**
   * Only where writes are copied to another server later: waits up to 200 ms until it has what was last written under
   * this key. Called at the two writes of a refresh whose loss would end a grant. Failures are ignored.
   */
  readonly replicated?: ((key: string) => Promise<void>) | undefined;
  /** Whether several processes may share it. A store in memory is for one. */
  readonly shared: boolean;
  /** Called before anything else; throws when the store cannot keep its promises (for example evicts). */
  start?(): Promise<void>;
  close?(): Promise<void>;
}

/**
 * One page of `scan()` of a store.
 * @group Sign-in
 */
export interface ScannedPage {
  readonly records: readonly (readonly [key: string, value: string])[];
  /** For the next page; `undefined` when this was the last. */
  readonly next: string | undefined;
}

/** The option `store`. */
export const storeOption: OptionCheck<SignInStore> = made<SignInStore>(
  "redisStore(), postgresStore(), sqliteStore(), memoryStore() or your own SignInStore",
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
