import assert from "node:assert/strict";
import { minutes, type StoreCheck } from "./store-under-test.js";

/** What each method does when nobody else is there. */
export const valueChecks: readonly StoreCheck[] = [
  {
    name: "has nothing under a name that was never written",
    async check({ store, key }) {
      assert.equal(await store.get(key()), undefined);
      assert.equal(await store.take(key()), undefined);
      await store.delete(key());
    },
  },
  {
    name: "setIfAbsent writes once and tells so",
    async check({ store, other, key }) {
      assert.equal(await store.setIfAbsent(key(), "first", minutes), true);
      assert.equal(await store.setIfAbsent(key(), "second", minutes), false);
      assert.equal(await other.setIfAbsent(key(), "third", minutes), false);
      assert.equal(await other.get(key()), "first");
    },
  },
  {
    name: "compareAndSet writes only over exactly what is expected",
    async check({ store, other, key }) {
      assert.equal(await store.compareAndSet(key(), "nothing", "a", minutes), false);
      assert.equal(await store.get(key()), undefined);
      assert.equal(await store.compareAndSet(key(), undefined, "a", minutes), true);
      assert.equal(await other.compareAndSet(key(), undefined, "b", minutes), false);
      for (const almost of ["A", "a ", "", "aa"])
        assert.equal(await other.compareAndSet(key(), almost, "b", minutes), false);
      assert.equal(await other.compareAndSet(key(), "a", "b", minutes), true);
      assert.equal(await store.get(key()), "b");
    },
  },
  {
    name: "an empty text is a value",
    async check({ store, other, key }) {
      assert.equal(await store.setIfAbsent(key(), "", minutes), true);
      assert.equal(await other.get(key()), "");
      assert.equal(await store.setIfAbsent(key(), "x", minutes), false);
      assert.equal(await store.compareAndSet(key(), undefined, "x", minutes), false);
      assert.equal(await store.compareAndSet(key(), "", "", minutes), true);
      assert.equal(await other.take(key()), "");
      assert.equal(await store.get(key()), undefined);
    },
  },
  {
    name: "take gives the value once",
    async check({ store, other, key }) {
      await store.setIfAbsent(key(), "once", minutes);
      assert.equal(await other.take(key()), "once");
      assert.equal(await store.take(key()), undefined);
      assert.equal(await store.get(key()), undefined);
      assert.equal(await store.setIfAbsent(key(), "again", minutes), true);
    },
  },
  {
    name: "delete takes away, also what was counted",
    async check({ store, other, key }) {
      await store.setIfAbsent(key("value"), "x", minutes);
      await store.increment(key("count"), minutes);
      await other.delete(key("value"));
      await other.delete(key("count"));
      assert.equal(await store.get(key("value")), undefined);
      assert.equal(await store.increment(key("count"), minutes), 1);
    },
  },
  {
    name: "increment counts from 1, each name by itself, and get reads the number",
    async check({ store, other, key }) {
      assert.equal(await store.increment(key(), minutes), 1);
      assert.equal(await other.increment(key(), minutes), 2);
      assert.equal(await store.increment(key("second"), minutes), 1);
      assert.equal(await store.get(key()), "2");
      assert.equal(await store.setIfAbsent(key(), "x", minutes), false);
      assert.equal(await other.increment(key(), minutes), 3);
    },
  },
  {
    name: "keeps text as it is: other alphabets, line ends, zero, and what looks like a command",
    async check({ store, other, key }) {
      for (const [index, value] of texts.entries()) {
        const name = key(`${index} ${value}`);
        assert.equal(await store.setIfAbsent(name, value, minutes), true);
        assert.equal(await other.get(name), value);
        assert.equal(await other.compareAndSet(name, value, `${value}!`, minutes), true);
        assert.equal(await store.take(name), `${value}!`);
      }
    },
  },
  {
    name: "replicated ends by itself, for what was written and for what was not",
    async check({ store, key }) {
      await store.setIfAbsent(key(), "x", minutes);
      const began = performance.now();
      // A failure is ignored: the second server may be away.
      await Promise.allSettled([store.replicated?.(key())]);
      await Promise.allSettled([store.replicated?.(key("nothing"))]);
      assert.ok(performance.now() - began < 1_000, "replicated waits longer than 200 ms");
    },
  },
  {
    name: "keeps values of a megabyte",
    async check({ store, other, key }) {
      const [large, larger] = ["a".repeat(1024 * 1024), "b".repeat(1024 * 1024 + 1)];
      assert.equal(await store.setIfAbsent(key(), large, minutes), true);
      // Not assert.equal: it would print both.
      assert.ok((await other.get(key())) === large, "the value came back changed");
      assert.ok(await other.compareAndSet(key(), large, larger, minutes), "the value was not recognised");
      assert.ok((await store.take(key())) === larger, "the second value came back changed");
    },
  },
];

const texts = [
  "grüße, 你好, مرحبا",
  "👩🏽‍💻 e\u0301 \u00e9 \u{10ffff}",
  "two\r\nlines\ttab \u0000 zero",
  '"quoted" \\ ${not} {"json":null}',
  "'; FLUSHALL; $5\r\n*1",
  "__proto__",
  "false",
  "0",
  "null",
];
