import { expect, test } from "vitest";
import { demo } from "../support/demo.js";

test("the demo of an agent identity answers each person as that person, once an administrator consented", async () => {
  const { code, output } = await demo(["--once", "--agent-identity"]);
  expect(output).not.toContain("FAILED");
  for (const line of [
    "Katherine Johnson is asked for consent first",
    "the MCP server saw nobody before there was consent",
    "Mary Winston, an administrator, consents for everybody, once",
    "Katherine Johnson is told their own object id",
    "Dorothy Vaughan is told their own object id",
    "Dorothy Vaughan is told nothing of Katherine Johnson",
    "azp is the agent identity",
    "both people share one exchange token of the agent identity",
    "a token for Foundry itself is refused",
    "without a person the agent identity calls nothing",
  ])
    expect(output).toContain(`ok     ${line}`);
  const seen = [
    ...output.matchAll(
      /\[MCP server\] tools\/call whoami: oid ([0-9a-f-]{36}) \((.+?)\), azp ([0-9a-f-]{36}) \((.+?)\)/g,
    ),
  ];
  expect(seen.map(([, , name]) => name)).toEqual(["Katherine Johnson", "Dorothy Vaughan"]);
  expect(new Set(seen.map(([, oid]) => oid)).size).toBe(2);
  expect(new Set(seen.map(([, , , azp, label]) => `${azp} ${label}`)).size).toBe(1);
  expect(seen[0]?.[4]).toBe("the agent identity");
  expect(code).toBe(0);
}, 120_000);
