import { describe, expect, test } from "vitest";
import { idBytes } from "../../src/runtime/runtime.js";

describe("bytes for ids", () => {
  test("are as many as asked for, at the end of the pool and beyond it, too", () => {
    for (const length of [0, 1, 32, 4_095, 4_096, 4_097, 10_000])
      expect(idBytes(length)).toHaveLength(length);
  });

  test("are given once: nobody else's change with those that one has", () => {
    const given = Array.from({ length: 2_000 }, () => idBytes(16));
    const before = given.map((bytes) => Buffer.from(bytes).toString("hex"));
    expect(new Set(before).size).toBe(given.length);
    for (const bytes of given.slice(0, 1_000)) bytes.fill(0);
    const after = given.slice(1_000).map((bytes) => Buffer.from(bytes).toString("hex"));
    expect(after).toEqual(before.slice(1_000));
  });
});
