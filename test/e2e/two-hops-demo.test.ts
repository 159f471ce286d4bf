import { describe, expect, test } from "vitest";
import { twoHopsBreaks } from "../../examples/chat/two-hops/breaks.js";
import { demo } from "../support/demo.js";

describe("the demo of an API behind the MCP server", { timeout: 120_000 }, () => {
  test("exits 0, and the API sees each person", async () => {
    const { code, output } = await demo(["--once", "--two-hops"]);
    expect(output).not.toContain("FAILED");
    for (const line of [
      "the API saw nobody before there was consent",
      "Dorothy Vaughan gets no further than the agent's own page",
      "Katherine Johnson consents on the MCP server's own pages",
      "the API, two hops away, saw Katherine Johnson once, through the MCP server",
      "the API, two hops away, saw Dorothy Vaughan once, through the MCP server",
    ])
      expect(output).toContain(`ok     ${line}`);
    const seen = [...output.matchAll(/\[mail API\] GET messages: oid ([0-9a-f-]{36}) \((.+?)\)/g)];
    expect(seen.map(([, , name]) => name).toSorted()).toEqual(["Dorothy Vaughan", "Katherine Johnson"]);
    expect(new Set(seen.map(([, oid]) => oid)).size).toBe(2);
    expect(code).toBe(0);
  });

  for (const [name, what] of Object.entries(twoHopsBreaks)) {
    test(`exits 1 when ${what}`, async () => {
      const { code, output } = await demo(["--once", "--two-hops", `--break=${name}`]);
      expect(output).toContain("FAILED");
      expect(code).toBe(1);
    });
  }
});
