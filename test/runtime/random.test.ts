import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { fraction, uuid } from "../../src/runtime/runtime.js";

describe("random bytes become", () => {
  it("a number from 0 to 1, evenly, and never 1", () => {
    expect(fraction(() => Uint8Array.of(0, 0, 0, 0))).toBe(0);
    expect(fraction(() => Uint8Array.of(128, 0, 0, 0))).toBe(0.5);
    expect(fraction(() => Uint8Array.of(255, 255, 255, 255))).toBeLessThan(1);
    expect(fraction(() => Uint8Array.of(255, 255, 255, 255))).toBeGreaterThan(0.999);
  });

  it("a UUID of version 4, another one each time", () => {
    const made = Array.from({ length: 100 }, () => uuid(randomBytes));
    expect(new Set(made).size).toBe(100);
    for (const id of made)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("a UUID without a change to the bytes that were given", () => {
    const bytes = new Uint8Array(16).fill(255);
    expect(uuid(() => bytes)).toBe("ffffffff-ffff-4fff-bfff-ffffffffffff");
    expect(bytes.every((byte) => byte === 255)).toBe(true);
  });
});
