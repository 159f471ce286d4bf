import { describe, expect, test } from "vitest";
import { elicitationBreaks } from "../../examples/chat/elicitation/breaks.js";
import { demo } from "../support/demo.js";

const [katherine, dorothy] = ["Katherine Johnson", "Dorothy Vaughan"];

describe("the demo of an MCP server that needs a sign-in somewhere else", { timeout: 120_000 }, () => {
  test("answers each person from the account that this person connected, after the card and the page", async () => {
    const { code, output } = await demo(["--once", "--elicitation"]);
    expect(output).not.toContain("FAILED");
    for (const line of [
      `${katherine}'s card leads to the sign-in service first`,
      "nobody and nothing opened the tracker's pages before a click",
      `${dorothy} gets no further than the sign-in service`,
      `${katherine} connects kjohnson`,
      `${dorothy} connects dvaughan`,
      `${katherine} sees their own issues`,
      `${dorothy} sees nobody else's`,
      "there is no card for a page that is not allowed",
    ])
      expect(output).toContain(`ok     ${line}`);
    expect(output).toContain(`[${dorothy}] sees: "This link is for another account"`);
    expect(output).toMatch(/tools\/call my_issues: oid [0-9a-f-]{36} \(Katherine Johnson\) is kjohnson/);
    expect(output).not.toMatch(/\/connect\//);
    expect(code).toBe(0);
  });

  for (const [name, what] of Object.entries(elicitationBreaks)) {
    test(`says FAILED and exits 1 when ${what}`, async () => {
      const { code, output } = await demo(["--once", "--elicitation", `--break=${name}`]);
      expect(output).toContain(`FAILED ${dorothy} gets no further than the sign-in service`);
      expect(output).toContain(`FAILED ${katherine} connects kjohnson`);
      expect(code).toBe(1);
    });
  }
});
