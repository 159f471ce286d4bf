import { describe, expect, test } from "vitest";
import { breaks } from "../../examples/chat/breaks.js";
import { demo } from "../support/demo.js";

describe("the demo without a browser", { timeout: 60_000 }, () => {
  let unbroken: ReturnType<typeof demo>;

  test("exits 0 and names both accounts as the MCP server saw them", async () => {
    unbroken = demo(["--once"]);
    const { code, output } = await unbroken;
    expect(output).not.toContain("FAILED");
    expect(code).toBe(0);
    const seen = [...output.matchAll(/tools\/call whoami: oid (\S+) \((.+?)\)/g)].map(([, oid, name]) => ({
      oid,
      name,
    }));
    expect(seen.map(({ name }) => name).toSorted()).toEqual(["Ada Lovelace", "Grace Hopper"]);
    expect(new Set(seen.map(({ oid }) => oid)).size).toBe(2);
    expect(output).toContain("consent needed (AADSTS65001)");
  });

  test("makes up new object ids at every start", async () => {
    const runs = await Promise.all([unbroken, demo(["--once"])]);
    const [first, second] = runs.map(
      ({ output }) => /oid ([0-9a-f-]{36}) \(Ada Lovelace\)/.exec(output)?.[1],
    );
    expect(first).toBeDefined();
    expect(first).not.toBe(second);
  });

  for (const [name, what] of Object.entries(breaks)) {
    test(`exits 1 when ${what}`, async () => {
      const { code, output } = await demo(["--once", `--break=${name}`]);
      expect(output).toContain("FAILED");
      expect(code).toBe(1);
    });
  }

  test("takes no mutant it does not know", async () => {
    const { code, output } = await demo(["--once", "--break=nothing"]);
    expect(code).toBe(2);
    expect(output).toContain(Object.keys(breaks).join(", "));
  });
});
