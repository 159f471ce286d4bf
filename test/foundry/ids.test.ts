import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { isIdOf, newId, newItemId, partitionKeyOf } from "../../src/foundry/ids.js";

describe("ids", () => {
  it("are a prefix, a partition key of 18 and 32 alphanumerics", () => {
    expect(newId("oacr", randomBytes)).toMatch(/^oacr_[0-9a-f]{16}00[A-Za-z0-9]{32}$/);
  });

  it("inherit the partition key of the conversation", () => {
    const first = newId("caresp", randomBytes);
    const next = newId("msg", randomBytes, first);
    expect(partitionKeyOf(next)).toBe(partitionKeyOf(first));
    expect(next.slice(-32)).not.toBe(first.slice(-32));
  });

  it.each([
    ["message", "msg"],
    ["function_call", "fc"],
    ["function_call_output", "fco"],
    ["reasoning", "rs"],
    ["mcp_call", "mcp"],
    ["mcp_list_tools", "mcpl"],
    ["image_generation_call", "ig"],
    ["oauth_consent_request", "oacr"],
    ["an item of tomorrow", "item"],
    ["toString", "item"],
  ])("of items say of which type they are: %s", (type, prefix) => {
    const responseId = newId("caresp", randomBytes);
    const id = newItemId(type, randomBytes, responseId);
    expect(id).toMatch(new RegExp(`^${prefix}_[A-Za-z0-9]{50}$`));
    expect(partitionKeyOf(id)).toBe(partitionKeyOf(responseId));
  });

  it.each([
    [`caresp_${"a".repeat(50)}`, true],
    [`caresp_${"a".repeat(48)}`, true],
    [`resp_${"a".repeat(50)}`, false],
    [`caresp_${"a".repeat(49)}`, false],
    ["caresp_", false],
  ])("are told from what is none: %s", (id, isOne) => {
    expect(isIdOf("caresp", id)).toBe(isOne);
  });

  it("inherit it from an id of the earlier form, which has it at the end", () => {
    const legacy = `resp_${"E".repeat(32)}0123456789abcdef`;
    expect(newId("msg", randomBytes, legacy).slice(4, 22)).toBe("0123456789abcdef00");
  });

  it.each([
    undefined,
    "",
    "resp_short",
    "nounderscore",
    `resp_${"a".repeat(49)}`,
    `resp_${"a".repeat(49)}\n`,
    `resp_${"ä".repeat(50)}`,
    `resp_${"_".repeat(50)}`,
  ])("take no partition key from %j", (id) => {
    expect(partitionKeyOf(id)).toBeUndefined();
  });

  it("favour no letter: bytes beyond the alphabet's multiple are thrown away", () => {
    let calls = 0;
    const random = (length: number) => {
      calls += 1;
      return new Uint8Array(length).fill(calls === 2 ? 255 : 61);
    };
    expect(newId("x", random)).toBe(`x_${"3d".repeat(8)}00${"9".repeat(32)}`);
    expect(calls).toBe(3);
  });
});
