import assert from "node:assert/strict";
import { minutes, type StoreCheck, type StoreCheckScene } from "./store-under-test.js";

/** Two connections at the same moment: exactly one wins, each time. */
export const raceChecks: readonly StoreCheck[] = [
  {
    name: "setIfAbsent: one of two wins, and its value stays",
    check: (scene) =>
      race(scene, async ({ store, other }, key) => {
        const won = await Promise.all([
          store.setIfAbsent(key, "0", minutes),
          other.setIfAbsent(key, "1", minutes),
        ]);
        await exactlyOne(won, scene, key);
      }),
  },
  {
    name: "setIfAbsent over what has expired: one of two wins, and its value stays",
    check: (scene) =>
      race(scene, async ({ store, other, wait }, key) => {
        await store.setIfAbsent(key, "old", 1);
        await wait(5);
        const won = await Promise.all([
          store.setIfAbsent(key, "0", minutes),
          other.setIfAbsent(key, "1", minutes),
        ]);
        await exactlyOne(won, scene, key);
      }),
  },
  {
    name: "setIfAbsent against take: the value is taken once, and what is written after it stays",
    check: (scene) =>
      race(scene, async ({ store, other }, key) => {
        await store.setIfAbsent(key, "old", minutes);
        const [isWritten, taken] = await Promise.all([
          store.setIfAbsent(key, "new", minutes),
          other.take(key),
        ]);
        assert.equal(taken, "old");
        assert.equal(await store.get(key), isWritten ? "new" : undefined);
      }),
  },
  {
    name: "compareAndSet where nothing was: one of two wins, and its value stays",
    check: (scene) =>
      race(scene, async ({ store, other }, key) => {
        const won = await Promise.all([
          store.compareAndSet(key, undefined, "0", minutes),
          other.compareAndSet(key, undefined, "1", minutes),
        ]);
        await exactlyOne(won, scene, key);
      }),
  },
  {
    name: "compareAndSet over a value: one of two wins, and its value stays",
    check: (scene) =>
      race(scene, async ({ store, other }, key) => {
        await store.setIfAbsent(key, "old", minutes);
        const won = await Promise.all([
          store.compareAndSet(key, "old", "0", minutes),
          other.compareAndSet(key, "old", "1", minutes),
        ]);
        await exactlyOne(won, scene, key);
      }),
  },
  {
    name: "increment: two calls get two numbers",
    check: (scene) =>
      race(scene, async ({ store, other }, key) => {
        const counts = await Promise.all([store.increment(key, minutes), other.increment(key, minutes)]);
        assert.deepEqual(counts.toSorted(), [1, 2]);
      }),
  },
  {
    name: "take: one of two gets the value",
    check: (scene) =>
      race(scene, async ({ store, other }, key) => {
        await store.setIfAbsent(key, "once", minutes);
        const taken = await Promise.all([store.take(key), other.take(key)]);
        assert.deepEqual(
          taken.filter((value) => value !== undefined),
          ["once"],
        );
      }),
  },
  {
    name: "take against compareAndSet: the value is taken before or after the change, never twice",
    check: (scene) =>
      race(scene, async ({ store, other }, key) => {
        await store.setIfAbsent(key, "old", minutes);
        const [isChanged, taken] = await Promise.all([
          store.compareAndSet(key, "old", "new", minutes),
          other.take(key),
        ]);
        assert.equal(taken, isChanged ? "new" : "old");
        assert.equal(await store.get(key), undefined);
      }),
  },
  {
    name: "increment: many calls at once lose no count",
    async check({ store, other, key }) {
      const calls = Array.from({ length: 200 }, (_, n) => (n % 2 === 0 ? store : other));
      const counts = await Promise.all(calls.map((at) => at.increment(key(), minutes)));
      assert.deepEqual(
        counts.toSorted((a, b) => a - b),
        calls.map((_, n) => n + 1),
      );
    },
  },
  {
    name: "compareAndSet: changes in a loop lose no change",
    async check({ store, other, key }) {
      const add = async (at: typeof store, name: string): Promise<void> => {
        for (let attempt = 0; attempt < 1_000; attempt += 1) {
          const before = await at.get(key());
          if (await at.compareAndSet(key(), before, `${before ?? ""}${name};`, minutes)) return;
        }
        assert.fail("no change succeeded in 1 000 attempts");
      };
      const names = Array.from({ length: 20 }, (_, n) => `${n}`);
      await Promise.all(names.map((name, n) => add(n % 2 === 0 ? store : other, name)));
      const kept = (await store.get(key()))?.split(";").filter((name) => name !== "") ?? [];
      assert.deepEqual(kept.toSorted(), names.toSorted());
    },
  },
];

/** Runs a race many times, each on a name of its own, a few at the same time. */
async function race(
  scene: StoreCheckScene,
  run: (scene: StoreCheckScene, key: string) => Promise<void>,
): Promise<void> {
  const together = 25;
  for (let first = 0; first < scene.races; first += together) {
    const rounds = Array.from({ length: Math.min(together, scene.races - first) }, (_, n) => first + n);
    await Promise.all(rounds.map((round) => run(scene, scene.key(`race ${round}`))));
  }
}

/** The winner's place is what it wrote. */
async function exactlyOne(won: readonly boolean[], { other }: StoreCheckScene, key: string): Promise<void> {
  assert.deepEqual(won.toSorted(), [false, true]);
  assert.equal(await other.get(key), String(won.indexOf(true)));
}
