import { bytes, clock, count, flag, optional, orElse } from "../../options/checks.js";
import { emit, listener, type OnEvent } from "../../events/events.js";
import { readOptions, type OptionTable } from "../../options/option-table.js";
import type { SignInStore } from "./store.js";
import { records, type Records } from "./records.js";
import { closed } from "./refusals.js";
import { type Runtime } from "../../runtime/runtime.js";

/**
 * Options of {@link memoryStore}.
 * @group Sign-in
 */
export interface MemoryStoreOptions extends Pick<Runtime, "now"> {
  /**
   * Default 100 000. A full store refuses with `store_unavailable`; it forgets nothing that is live. Kept prompts
   * may fill half of it and of `maxBytes`, codes that are waited for three quarters: the rest is for grants.
   */
  readonly maxEntries?: number;
  /** In bytes, default 256 MiB. */
  readonly maxBytes?: number;
  /** Does not say that a restart loses everything. */
  readonly quiet?: boolean;
  /** Receives one event that says that the store is volatile. Default: it is written with `console.warn`. */
  readonly onEvent?: OnEvent;
}

/**
 * Keeps sign-ins in this process: a restart asks everybody again, and a second process knows nothing of
 * them. It says so once. For development and tests; `redisStore()` or `fileStore()` for anything else.
 *
 * Throws `store_unavailable` when it is full, `closed` after `close()`.
 *
 * Entry point: `hosted-agent-identity/sign-in`.
 *
 * @example
 * ```ts
 * import { memoryStore } from "hosted-agent-identity/sign-in";
 *
 * const store = memoryStore({ quiet: true });
 * console.log(await store.setIfAbsent("ticket:1", "sealed", 60_000)); // true
 * ```
 * @group Sign-in
 */
export function memoryStore(options: MemoryStoreOptions = {}): SignInStore {
  const settings = readOptions("memoryStore", memoryStoreOptions, options);
  const { maxEntries, maxBytes, now, onEvent } = settings;
  let kept: Records | undefined = records(now, { maxEntries, maxBytes });
  let said = settings.quiet === true;

  const sayOnce = (): void => {
    if (said) return;
    said = true;
    if (onEvent !== undefined) emit(onEvent, { type: "sign_in_store_volatile" });
    else console.warn(warning);
  };

  const step = async <T>(work: (kept: Records) => T): Promise<T> => {
    if (kept === undefined) throw closed("memoryStore()");
    sayOnce();
    return work(kept);
  };

  return {
    shared: false,
    start: async () => sayOnce(),
    get: (key) => step((at) => at.get(key)),
    setIfAbsent: (key, value, ttlMs) => step((at) => at.setIfAbsent(key, value, ttlMs)),
    increment: (key, ttlMs) => step((at) => at.increment(key, ttlMs)),
    compareAndSet: (key, expected, value, ttlMs) =>
      step((at) => at.compareAndSet(key, expected, value, ttlMs)),
    take: (key) => step((at) => at.take(key)),
    delete: (key) => step((at) => at.delete(key)),
    close: async () => {
      kept = undefined;
    },
  };
}

/** The options of {@link memoryStore}. */
export const memoryStoreOptions: OptionTable<MemoryStoreOptions, "maxEntries" | "maxBytes" | "now"> = {
  maxEntries: orElse(count(), 100_000),
  maxBytes: orElse(bytes(), 256 * 1024 * 1024),
  quiet: optional(flag),
  now: clock,
  onEvent: listener,
};

const warning =
  "hosted-agent-identity: memoryStore() loses every sign-in when this process restarts; " +
  "use redisStore() or fileStore(), or memoryStore({ quiet: true }) if that is meant.";
