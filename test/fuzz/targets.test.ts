import { describe, expect, it } from "vitest";
import { targets } from "./targets/all.js";

describe("every parser that is fuzzed", () => {
  it.each(targets)("says in what its inputs can grow: $name", ({ sizes = [] }) => {
    expect(sizes.length).toBeGreaterThan(0);
    expect(new Set(sizes.map(({ of }) => of)).size).toBe(sizes.length);
    // Below that, doubling shows nothing.
    for (const { upTo, from = upTo / 8 } of sizes) expect(upTo / from).toBeGreaterThanOrEqual(2);
  });

  it("has a name of its own", () => {
    expect(new Set(targets.map(({ name }) => name)).size).toBe(targets.length);
  });
});
