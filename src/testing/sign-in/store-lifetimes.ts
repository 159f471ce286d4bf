import assert from "node:assert/strict";
import { minutes, type StoreCheck } from "./store-under-test.js";

/** When values end. */
export const lifetimeChecks: readonly StoreCheck[] = [
  {
    name: "what has expired is not there for any method",
    async check({ store, other, key, wait }) {
      const short = 20;
      for (const name of ["get", "take", "set", "swap", "swap-old"])
        await store.compareAndSet(key(name), undefined, "old", short);
      await store.increment(key("count"), short);
      await wait(2 * short);
      assert.equal(await other.get(key("get")), undefined);
      assert.equal(await other.take(key("take")), undefined);
      assert.equal(await other.setIfAbsent(key("set"), "new", minutes), true);
      assert.equal(await other.compareAndSet(key("swap-old"), "old", "new", minutes), false);
      assert.equal(await other.compareAndSet(key("swap"), undefined, "new", minutes), true);
      assert.equal(await other.increment(key("count"), minutes), 1);
    },
  },
  {
    name: "increment starts the lifetime once; later calls do not extend it",
    check: (scene) =>
      withinLifetime(async (lifetime) => {
        const { store, other, key, wait } = scene;
        const name = key(`count for ${lifetime}`);
        await store.increment(name, lifetime);
        await wait(lifetime / 2);
        if ((await other.increment(name, minutes)) === 1) return "too slow";
        await wait(lifetime);
        assert.equal(await store.increment(name, minutes), 1);
        return "seen";
      }),
  },
  {
    name: "increment keeps the lifetime that a value was written with",
    check: (scene) =>
      withinLifetime(async (lifetime) => {
        const { store, key, wait } = scene;
        const name = key(`written for ${lifetime}`);
        await store.setIfAbsent(name, "7", lifetime);
        if ((await store.increment(name, minutes)) === 1) return "too slow";
        await wait(2 * lifetime);
        assert.equal(await store.get(name), undefined);
        return "seen";
      }),
  },
  {
    name: "compareAndSet starts a new lifetime, longer or shorter",
    check: (scene) =>
      withinLifetime(async (lifetime) => {
        const { store, other, key, wait } = scene;
        const [longer, shorter] = [key(`longer ${lifetime}`), key(`shorter ${lifetime}`)];
        await store.setIfAbsent(longer, "a", lifetime);
        await store.setIfAbsent(shorter, "a", minutes);
        if (!(await other.compareAndSet(longer, "a", "b", minutes))) return "too slow";
        assert.equal(await other.compareAndSet(shorter, "a", "b", lifetime), true);
        await wait(2 * lifetime);
        assert.equal(await store.get(longer), "b");
        assert.equal(await store.get(shorter), undefined);
        return "seen";
      }),
  },
  {
    name: "a refused write changes no lifetime",
    check: (scene) =>
      withinLifetime(async (lifetime) => {
        const { store, other, key, wait } = scene;
        const name = key(`refused ${lifetime}`);
        await store.setIfAbsent(name, "a", lifetime);
        if (await other.setIfAbsent(name, "b", minutes)) return "too slow";
        assert.equal(await other.compareAndSet(name, "c", "d", minutes), false);
        await wait(2 * lifetime);
        assert.equal(await store.get(name), undefined);
        return "seen";
      }),
  },
  {
    name: "lives as long as it was told, also for weeks",
    async check({ store, other, key }) {
      const weeks = 90 * 24 * 60 * minutes;
      assert.equal(await store.setIfAbsent(key(), "a", weeks), true);
      assert.equal(await other.get(key()), "a");
    },
  },
  {
    name: "refuses a lifetime that is none",
    async check({ store, key }) {
      for (const ttl of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        await assert.rejects(store.setIfAbsent(key(), "a", ttl));
        await assert.rejects(store.compareAndSet(key(), undefined, "a", ttl));
        await assert.rejects(store.increment(key(), ttl));
      }
      assert.equal(await store.get(key()), undefined);
    },
  },
];

/** Tries again with a longer lifetime when the machine was too slow to look before the end. */
async function withinLifetime(look: (lifetime: number) => Promise<"seen" | "too slow">): Promise<void> {
  for (const lifetime of [100, 400, 1_600, 6_400]) if ((await look(lifetime)) === "seen") return;
  assert.fail("values expire long before their lifetime has passed");
}
