import { describe, expect, test } from "vitest";
import { clocksOf } from "../../src/async/clocks.js";
import { verifiedTokens, type RememberedToken } from "../../src/user-token/verify.js";

const start = Date.UTC(2026, 10, 22);
const entry = (expiresInMs: number): RememberedToken => ({
  tid: "t",
  kid: "k",
  use: { use: "app" },
  expiresAt: start + expiresInMs,
});

describe("verified tokens are remembered", () => {
  test("for ten minutes, however long the token lives", () => {
    let now = start;
    const tokens = verifiedTokens(
      10,
      clocksOf(() => now),
    );
    tokens.remember("a", entry(86_400_000));
    now += 600_000 - 1;
    expect(tokens.find("a")).toBeDefined();
    now += 1;
    expect(tokens.find("a")).toBeUndefined();
  });

  test("not past the token's own expiry, and finding them does not prolong it", () => {
    let now = start;
    const tokens = verifiedTokens(
      10,
      clocksOf(() => now),
    );
    tokens.remember("a", entry(60_000));
    now += 59_999;
    expect(tokens.find("a")).toBeDefined();
    now += 1;
    expect(tokens.find("a")).toBeUndefined();
  });

  test("not for a moment before it was proven: a token may not have been valid then", () => {
    let now = start;
    const tokens = verifiedTokens(
      10,
      clocksOf(() => now),
    );
    tokens.remember("a", entry(3_600_000));
    now -= 60_000;
    expect(tokens.find("a")).toBeUndefined();
  });

  test("up to a bound, the one unused for longest goes first", () => {
    const tokens = verifiedTokens(
      2,
      clocksOf(() => start),
    );
    tokens.remember("a", entry(60_000));
    tokens.remember("b", entry(60_000));
    tokens.find("a");
    tokens.remember("c", entry(60_000));
    expect(["a", "b", "c"].map((hash) => tokens.find(hash) !== undefined)).toEqual([true, false, true]);
  });

  test("until forgotten", () => {
    const tokens = verifiedTokens(
      2,
      clocksOf(() => start),
    );
    tokens.remember("a", entry(60_000));
    tokens.forget("a");
    expect(tokens.find("a")).toBeUndefined();
  });
});
