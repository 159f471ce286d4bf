import { bytes, clock, count, flag, optional, orElse } from "../../options/checks.js";
import { emit, listener, type OnEvent } from "../../events/events.js";
import { readOptions, type OptionTable } from "../../options/option-table.js";
import type { SignInStore } from "./store.js";
import { recordSteps, records, type Records } from "./records.js";
import { closed } from "./refusals.js";
import { type Runtime } from "../../runtime/runtime.js";

/**
 * Options of {@link memoryStore}.
 * @group Sign-in
 */
export interface MemoryStoreOptions extends Pick<Runtime, "now"> {
  /**
   * Default 100 000. A full store throws `store_unavailable`; it drops nothing that is live. Waiting messages may
   * fill half of it and of `maxBytes`, waiting codes three quarters. The rest is for grants.
   */
  readonly maxEntries?: number;
  /** In bytes, default 256 MiB. */
  readonly maxBytes?: number;
  /** Leaves out the warning that a restart loses everything. */
  readonly quiet?: boolean;
  /** Receives one event that says that the store is volatile. Default: it is written with `console.warn`. */
  readonly onEvent?: OnEvent;
}

/**
 * Stores sign-ins in this process: after a restart every user has to sign in again, and a second process knows none
 * of them. It warns of that once. For development and tests; use `redisStore()` or `sqliteStore()` for anything else.
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
    ...recordSteps(step),
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
  "use redisStore() or sqliteStore(), or memoryStore({ quiet: true }) if that is meant.";
