import { expect, test } from "vitest";
import { demo } from "../support/demo.js";

test("the demo of a Foundry toolbox answers each person as that person, once they consented at Foundry", async () => {
  const { code, output } = await demo(["--toolbox", "--once"]);
  expect(output).not.toContain("FAILED");
  for (const line of [
    "Katherine Johnson is asked for consent first",
    "the MCP server saw nobody before Katherine Johnson consented",
    "Katherine Johnson is answered when the prompt is repeated",
    "the MCP server saw nobody before Dorothy Vaughan consented",
    "Dorothy Vaughan is answered when the prompt is repeated",
    "each of ten answers at once is about who asked",
    "every answer of the agent is as the container contract wants it",
    "to Foundry all its people are ONE user",
    "Katherine Johnson is answered as herself",
  ])
    expect(output).toContain(`ok     ${line}`);
  expect(output).toMatch(/ok {5}each of \d+ messages to the toolbox had the call id of a request/);
  const seen = [...output.matchAll(/\[MCP server\] tools\/call whoami: oid ([0-9a-f-]{36}) \((.+?)\)/g)];
  const people = new Map(seen.map(([, oid, name]) => [name, oid]));
  expect([...people.keys()]).toEqual(["Katherine Johnson", "Dorothy Vaughan"]);
  expect(new Set(people.values()).size).toBe(2);
  // Theirs, ten at once, and the two through the back end.
  expect(seen.length).toBe(2 + 10 + 2);
  expect(code).toBe(0);
}, 120_000);

test("it says FAILED and exits 1 when the agent does not start", async () => {
  const { code, output } = await demo(["--once", "--toolbox"], { TOOLBOX_VERSION: "no version" });
  expect(output).toMatch(/^FAILED to the end: .*"agent" ended with 1/m);
  expect(code).toBe(1);
}, 120_000);
