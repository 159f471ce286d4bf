import { expect, it } from "vitest";
import { readSharedRecord } from "../../src/tokens/shared-cache.js";

const record = { token: "t", expiresAt: 2, until: 1, generation: 0 };

it.each([record, { ...record, refreshAt: 1, useUntil: 1 }, { ...record, more: "of a newer version" }])(
  "reads %j",
  (good) => {
    expect(readSharedRecord(good)).toBe(good);
  },
);

it.each([
  undefined,
  null,
  "token",
  [],
  { ...record, token: 1 },
  { ...record, expiresAt: "later" },
  { ...record, until: null },
  { ...record, generation: undefined },
  { ...record, refreshAt: "soon" },
  { ...record, useUntil: "never" },
])("does not take %j for a record", (other) => {
  expect(readSharedRecord(other)).toBeUndefined();
});
