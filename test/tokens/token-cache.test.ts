import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { tokenCache, type TokenCache } from "../../src/tokens/token-cache.js";

const token = (text: string) => ({ token: text, expiresAt: Date.now() + 3_600_000, source: "test" });

function filled(count: number, maxEntries: number): TokenCache {
  const cache = tokenCache({ maxEntries });
  for (let number = 0; number < count; number += 1)
    cache.set(`k${number}`, `p${number}`, token(`t${number}`));
  return cache;
}

const keptOf = (cache: TokenCache, count: number): number[] =>
  Array.from({ length: count }, (_, number) => number).filter(
    (number) => cache.get(`k${number}`) !== undefined,
  );

describe("the token cache", () => {
  it("lets the least recently used token go first", () => {
    const cache = filled(3, 3);
    cache.get("k0");
    cache.set("k3", "p3", token("t3"));
    expect(keptOf(cache, 4)).toEqual([0, 2, 3]);
  });

  it("keeps what is used often, however many others come and go", () => {
    const cache = filled(100, 100);
    for (let number = 100; number < 1000; number += 1) {
      cache.get("k7");
      cache.set(`k${number}`, `p${number}`, token(`t${number}`));
    }
    expect(cache.get("k7")?.token.token).toBe("t7");
    expect(cache.size).toBe(100);
  });

  it("keeps a token that was used while it was new for as long as three quarters of the cache", () => {
    const cache = filled(100, 100);
    cache.get("k80");
    for (let number = 100; number < 175; number += 1) cache.set(`k${number}`, `p${number}`, token("t"));
    expect(cache.get("k80")?.token.token).toBe("t80");
    expect(cache.get("k70")).toBeUndefined();
  });

  it("stays within its bytes, and keeps nothing that is larger than all of them", () => {
    const cache = tokenCache({ maxBytes: 100 });
    cache.set("a", "p", token("x".repeat(60)));
    cache.set("b", "p", token("x".repeat(60)));
    expect(cache.get("a")).toBeUndefined();
    cache.set("c", "p", token("x".repeat(100)));
    expect(cache.get("b")).toBeDefined();
    expect(cache.get("c")).toBeUndefined();
  });

  it("drops every token of one principal and nobody else's", () => {
    const cache = filled(3, 10);
    cache.set("another", "p1", token("t"));
    cache.deletePrincipal("p1");
    expect(keptOf(cache, 3)).toEqual([0, 2]);
    expect(cache.get("another")).toBeUndefined();
    expect(cache.keysOf("p1")).toEqual([]);
  });

  it("drops one token of a person under all of its keys, and nobody else's of that text", () => {
    const cache = tokenCache();
    for (const [key, person, text] of [
      ["plain", "Ada", "same"],
      ["stronger", "Ada", "same"],
      ["other", "Ada", "other"],
      ["Bob's", "Bob", "same"],
    ] as const)
      cache.set(key, person, token(text));
    cache.deleteToken("Ada", "same");
    expect(["plain", "stronger", "other", "Bob's"].filter((key) => cache.get(key) !== undefined)).toEqual([
      "other",
      "Bob's",
    ]);
  });
});

describe("all caches of a process together", () => {
  const most = 20_000;
  const sized = (cache: TokenCache, count: number, from = 0): void => {
    for (let number = from; number < from + count; number += 1)
      cache.set(`k${number}`, `p${number}`, token("t"));
  };

  it("keep no more than the largest of them may, and what was used last, whosever it is", () => {
    const caches = Array.from({ length: 10 }, () => tokenCache({ maxEntries: most }));
    const [first, second] = caches as [TokenCache, TokenCache];
    first.set("used", "Ada", token("t"));
    for (const cache of caches) {
      sized(cache, 4_000);
      first.get("used");
    }
    const sizes = caches.map(({ size }) => size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(most);
    expect(sizes.slice(-4)).toEqual([4_000, 4_000, 4_000, 4_000]);
    expect([first.get("used") !== undefined, second.size]).toEqual([true, 0]);
    for (const cache of caches) cache.clear();
  });

  it("count their bytes, too", () => {
    const caches = [1, 2, 3].map(() => tokenCache({ maxEntries: most, maxBytes: 80 * 1024 * 1024 }));
    const large = { ...token(""), token: "x".repeat(1024 * 1024) };
    for (const cache of caches) for (let n = 0; n < 50; n += 1) cache.set(`k${n}`, "Ada", large);
    expect(caches.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(80);
    expect(caches.at(-1)?.size).toBe(50);
    for (const cache of caches) cache.clear();
  });

  it("forget a cache that nobody has any more", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const left = ((): WeakRef<TokenCache> => {
      const cache = tokenCache({ maxEntries: most });
      sized(cache, 1_000);
      return new WeakRef(cache);
    })();
    for (let n = 0; n < 20 && left.deref() !== undefined; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      collect();
    }
    const cache = tokenCache({ maxEntries: most });
    sized(cache, most);
    expect(left.deref()).toBeUndefined();
    expect(cache.size).toBe(most);
    cache.clear();
  });
});

describe("the background refresh", () => {
  const start = 1_000_000;
  const issued = { token: "t", source: "test", expiresAt: start + 3_600_000, refreshAt: start + 2_880_000 };
  const dueAt = (random: number, more: object = {}): number | undefined => {
    const cache = tokenCache({}, () => random, { now: () => start, age: () => start });
    cache.set("k", "p", { ...issued, ...more });
    return cache.get("k")?.refreshAt;
  };

  it("is due at random in the first half of the time that is left, for those who got tokens in one second", () => {
    const until = issued.expiresAt - 30_000;
    const half = (until - issued.refreshAt) / 2;
    expect([0, 0.5, 1].map((random) => dueAt(random))).toEqual([
      issued.refreshAt,
      issued.refreshAt + half / 2,
      issued.refreshAt + half,
    ]);
  });

  it("is due when the source says so, where it wants to be asked again soon", () => {
    expect(dueAt(1, { useUntil: issued.refreshAt + 20_000 })).toBe(issued.refreshAt);
  });

  it("is never due before the token says so, however late that is", () => {
    expect(dueAt(1, { refreshAt: issued.expiresAt - 10_000 })).toBe(issued.expiresAt - 10_000);
    expect(dueAt(1, { refreshAt: undefined })).toBe(issued.expiresAt);
  });
});
