import assert from "node:assert/strict";
import { minutes, type StoreCheck, type StoreUnderTest } from "./store-under-test.js";

/** What `scan` lists, where a store has it. */
export const scanChecks: readonly StoreCheck[] = [
  {
    name: "scan lists every live record with the prefix, and at most as many as asked for",
    async check({ store, other, key }) {
      if (store.scan === undefined) return;
      const kept = await written(store, names(23).map(key));
      for (const near of ["list", "lisu:1", "LIST:1", " list:1"])
        await store.setIfAbsent(key(near), "", minutes);
      for (const limit of [1, 7, 23, 500]) assert.deepEqual(await listed(other, key("list:"), limit), kept);
      assert.deepEqual(await listed(other, key("nothing:"), 10), {});
    },
  },
  {
    name: "scan takes the prefix as it is, whatever a query language would read in it",
    async check({ store, other, key }) {
      if (store.scan === undefined) return;
      for (const [index, sign] of [
        "%",
        "_",
        "*",
        "?",
        "[a-z]",
        "\\",
        "'",
        '"',
        "ü",
        "👩🏽‍💻",
        "\u0000",
      ].entries()) {
        const kept = await written(store, [key(`${index}${sign}:1`), key(`${index}${sign}:${sign}`)]);
        await store.setIfAbsent(key(`${index}x:1`), "another", minutes);
        assert.deepEqual(await listed(other, key(`${index}${sign}:`), 10), kept);
      }
    },
  },
  {
    name: "scan lists values as they are now, and nothing that has expired, was taken or deleted",
    async check({ store, other, key, wait }) {
      if (store.scan === undefined) return;
      const kept = await written(store, names(4).map(key));
      await store.setIfAbsent(key("list:short"), "x", 20);
      for (const gone of ["list:taken", "list:deleted"]) await store.setIfAbsent(key(gone), "x", minutes);
      await store.take(key("list:taken"));
      await store.delete(key("list:deleted"));
      await store.increment(key("list:count"), minutes);
      await store.compareAndSet(key("list:0"), "value of 0", "changed", minutes);
      await wait(40);
      const expected = { ...kept, [key("list:0")]: "changed", [key("list:count")]: "1" };
      assert.deepEqual(await listed(other, key("list:"), 3), expected);
    },
  },
  {
    name: "scan goes on after writes, also over another connection, and misses nothing that stayed",
    async check({ store, other, key }) {
      if (store.scan === undefined) return;
      await written(store, names(30).map(key));
      const touched = new Set<string>();
      const found = await listed(store, key("list:"), 4, async (page, seen) => {
        if (page < 5) {
          // Also what was listed last, which may be where the next page begins.
          for (const name of seen.slice(-2)) await other.delete(name);
          await other.setIfAbsent(key(`list:new ${page}`), "new", minutes);
          const changed = key(`list:${29 - page}`);
          await other.compareAndSet(changed, await other.get(changed), "changed", minutes);
          for (const name of [...seen.slice(-2), changed]) touched.add(name);
        }
        return page % 2 === 0 ? other : store;
      });
      for (const name of names(30).map(key))
        assert.ok(touched.has(name) || name in found, "a record that stayed was not listed");
    },
  },
  {
    name: "scan refuses a limit that is none",
    async check({ store, key }) {
      for (const limit of [0, -1, 1.5, Number.NaN])
        if (store.scan !== undefined) await assert.rejects(store.scan(key(), undefined, limit));
    },
  },
];

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `list:${n}`);

/** Writes a record under each key, and returns what was written. */
async function written(store: StoreUnderTest, keys: readonly string[]): Promise<Record<string, string>> {
  const all = keys.map((key, n) => [key, `value of ${n}`] as const);
  for (const [key, value] of all) assert.ok(await store.setIfAbsent(key, value, minutes));
  return Object.fromEntries(all);
}

type Page = Awaited<ReturnType<NonNullable<StoreUnderTest["scan"]>>>;

/** What a store lists, page by page. `between` says which connection is asked next. */
async function listed(
  store: StoreUnderTest,
  prefix: string,
  limit: number,
  between: (page: number, seen: readonly string[]) => Promise<StoreUnderTest> = async () => store,
): Promise<Record<string, string>> {
  const found = new Map<string, string>();
  let [at, cursor]: [StoreUnderTest, string | undefined] = [store, undefined];
  for (let page = 0; page < 10_000; page += 1) {
    assert.ok(at.scan, "one of two connections has no scan");
    const { records, next }: Page = await at.scan(prefix, cursor, limit);
    assert.ok(records.length <= limit, "a page has more records than asked for");
    for (const [key, value] of records) {
      assert.ok(key.startsWith(prefix), "a key without the prefix was listed");
      found.set(key, value);
    }
    if (next === undefined) return Object.fromEntries(found);
    cursor = next;
    at = await between(
      page,
      records.map(([key]) => key),
    );
  }
  return assert.fail("the list does not end");
}
