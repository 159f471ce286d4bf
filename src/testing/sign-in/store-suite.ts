import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { count, func, optional, orElse, text } from "../../options/checks.js";
import { readOptions, type OptionTable } from "../../options/option-table.js";
import { lifetimeChecks } from "./store-lifetimes.js";
import { raceChecks } from "./store-races.js";
import { scanChecks } from "./store-scans.js";
import { minutes, type StoreCheck, type StoreUnderTest } from "./store-under-test.js";
import { valueChecks } from "./store-values.js";

/**
 * Options of {@link signInStoreSuite}.
 * @group Testing
 */
export interface SignInStoreSuiteOptions {
  /** Begins the name of every check. */
  readonly name: string;
  /**
   * Two connections to the same data, new for each check; they are started and closed for you. For a store
   * that is not `shared`, twice the same. What else is stored does not matter: names are random.
   */
  readonly open: () => Promise<readonly [StoreUnderTest, StoreUnderTest]>;
  /** Called after each check, with the connections closed. */
  readonly close?: () => Promise<void>;
  /** Lets time pass, in milliseconds; for a store with a clock of its own. Default: really waits. */
  readonly wait?: (ms: number) => Promise<void>;
  /** How often each race is run, default 500. */
  readonly races?: number;
}

/**
 * One promise of a store; `run` throws when the store breaks it.
 * @group Testing
 */
export interface SignInStoreCheck {
  readonly name: string;
  run(): Promise<void>;
}

/**
 * The promises of a `SignInStore`, as checks for any test runner: what each method does, lifetimes, large and
 * foreign text, two connections that race each method (exactly one wins), what `scan` lists if there is one, and a
 * closed store.
 *
 * Each check throws an `AssertionError` of `node:assert` when the store breaks the promise.
 *
 * Entry point: `hosted-agent-identity/testing`.
 *
 * @example
 * ```ts
 * import { test } from "node:test";
 * import { createClient } from "redis";
 * import { redisStore } from "hosted-agent-identity/sign-in";
 * import { signInStoreSuite } from "hosted-agent-identity/testing";
 *
 * const connect = () => redisStore(createClient({ url: "redis://127.0.0.1:6379" }));
 * const checks = signInStoreSuite({ name: "redis", open: async () => [connect(), connect()] });
 * for (const { name, run } of checks) test(name, run);
 * ```
 * @group Testing
 */
export function signInStoreSuite(options: SignInStoreSuiteOptions): readonly SignInStoreCheck[] {
  const { name, open, close, wait, races } = readOptions("signInStoreSuite", storeSuiteOptions, options);
  return [...valueChecks, ...lifetimeChecks, ...raceChecks, ...scanChecks, ...closingChecks].map((row) => ({
    name: `${name}: ${row.name}`,
    async run() {
      const own = randomUUID();
      const stores = await open();
      const [store, other] = stores;
      try {
        assert.ok(!store.shared || store !== other, "open() must give two connections to a shared store");
        for (const each of new Set(stores)) await each.start?.();
        await row.check({ store, other, wait, races, key: (part = "") => `suite:${own}:${part}` });
      } finally {
        for (const each of new Set(stores)) await each.close?.();
        await close?.();
      }
    },
  }));
}

/** The options of {@link signInStoreSuite}. */
export const storeSuiteOptions: OptionTable<SignInStoreSuiteOptions, "wait" | "races"> = {
  name: text(),
  open: func<SignInStoreSuiteOptions["open"]>("a function that opens two connections"),
  close: optional(func<() => Promise<void>>()),
  wait: orElse(func<(ms: number) => Promise<void>>(), (ms) => sleepFor(ms)),
  races: orElse(count(), 500),
};

/** What has been closed says so; an answer of `undefined` would read like "there is no grant". */
const closingChecks: readonly StoreCheck[] = [
  {
    name: "a closed store refuses every method, and can be closed twice",
    async check({ store, key }) {
      if (store.close === undefined) return;
      await store.setIfAbsent(key(), "a", minutes);
      await store.close();
      await store.close();
      await assert.rejects(store.get(key()));
      await assert.rejects(store.setIfAbsent(key(), "a", minutes));
      await assert.rejects(store.increment(key(), minutes));
      await assert.rejects(store.compareAndSet(key(), "a", "b", minutes));
      await assert.rejects(store.take(key()));
      await assert.rejects(store.delete(key()));
      if (store.scan !== undefined) await assert.rejects(store.scan(key(), undefined, 10));
    },
  },
  {
    name: "closing one connection leaves the other at work",
    async check({ store, other, key }) {
      if (!store.shared) return;
      await store.setIfAbsent(key(), "a", minutes);
      await store.close?.();
      assert.equal(await other.take(key()), "a");
    },
  },
];

async function sleepFor(ms: number): Promise<void> {
  await sleep(ms);
}
