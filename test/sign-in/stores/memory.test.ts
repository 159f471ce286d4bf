import { expect, it, vi } from "vitest";
import { memoryStore } from "hosted-agent-identity/sign-in";

it("says once that a restart loses everything, and not at all when that is meant", async () => {
  const warn = vi.spyOn(console, "warn").mockReturnValue();
  const store = memoryStore();
  await store.start?.();
  await store.get("a");
  await store.increment("a", 1_000);
  expect(warn).toHaveBeenCalledTimes(1);
  expect(warn).toHaveBeenCalledWith(expect.stringContaining("loses every sign-in"));

  const onEvent = vi.fn();
  const heard = memoryStore({ onEvent });
  await heard.get("a");
  await heard.get("a");
  await memoryStore({ quiet: true, onEvent: (event) => expect.fail(event.type) }).get("a");
  expect(onEvent.mock.calls).toEqual([[{ type: "sign_in_store_volatile" }]]);
  expect(warn).toHaveBeenCalledTimes(1);
});

it("a full store refuses, forgets nothing that is live, and takes new records when old ones have expired", async () => {
  let now = 1_000_000;
  const store = memoryStore({ quiet: true, maxEntries: 3, now: () => now });
  for (const key of ["a", "b", "c"]) await store.setIfAbsent(key, key, key === "a" ? 5_000 : 60_000);

  const full = expect.objectContaining({ code: "store_unavailable", category: "retry" });
  await expect(store.setIfAbsent("d", "d", 60_000)).rejects.toThrow(full);
  await expect(store.increment("d", 60_000)).rejects.toThrow(full);
  expect(await store.compareAndSet("b", "b", "B", 60_000)).toBe(true);
  expect([await store.get("a"), await store.get("b"), await store.get("c")]).toEqual(["a", "B", "c"]);

  now += 5_000;
  expect(await store.setIfAbsent("d", "d", 60_000)).toBe(true);
  expect([await store.get("a"), await store.get("d")]).toEqual([undefined, "d"]);
});

it("is bounded in bytes too", async () => {
  const store = memoryStore({ quiet: true, maxBytes: 6_000 });
  expect(await store.setIfAbsent("a", "x".repeat(4_000), 60_000)).toBe(true);
  await expect(store.setIfAbsent("b", "x".repeat(4_000), 60_000)).rejects.toThrow(
    expect.objectContaining({ code: "store_unavailable" }),
  );
  expect(await store.compareAndSet("a", "x".repeat(4_000), "y", 60_000)).toBe(true);
  expect(await store.setIfAbsent("b", "x".repeat(4_000), 60_000)).toBe(true);
});

it("drops what has expired bit by bit, without anybody asking for it", async () => {
  let now = 0;
  const store = memoryStore({ quiet: true, maxEntries: 200, now: () => now });
  // 20 000 records that each live for 50 writes: never more than 200 at a time, so no write is refused.
  for (let n = 0; n < 20_000; n += 1) {
    now += 1;
    expect(await store.setIfAbsent(`key ${n}`, "x", 50)).toBe(true);
  }
});

it("lists the live records of a kind, page by page", async () => {
  let now = 1_000_000;
  const store = memoryStore({ quiet: true, now: () => now });
  const names = Array.from({ length: 7 }, (_, n) => `grant:${n}`);
  for (const name of names) await store.setIfAbsent(name, name, name === "grant:3" ? 1_000 : 60_000);
  await store.setIfAbsent("pin:1", "pin", 60_000);
  now += 1_000;

  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.scan?.("grant:", cursor, 2);
    expect(page?.records.length).toBeLessThanOrEqual(2);
    found.push(...(page?.records.map(([key]) => key) ?? []));
    cursor = page?.next;
  } while (cursor !== undefined);
  expect(found).toEqual(names.filter((name) => name !== "grant:3"));
  await expect(store.scan?.("grant:", undefined, 0)).rejects.toThrow("limit");
});
