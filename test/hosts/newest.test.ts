import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { describeNewest } from "./newest-agents.js";

/**
 * The repository's own packages run on Node 20. Of these frameworks the newest releases do not: a lockfile of its
 * own has them, and the same examples run with them on Node 24 (`npm run test:hosts:newest`, which is in `npm run test:foreign`).
 */
const folder = fileURLToPath(new URL("newest", import.meta.url));

it("what has a lockfile of its own is what Node 20 cannot run", () => {
  const { packages } = JSON.parse(readFileSync(`${folder}/package-lock.json`, "utf8")) as {
    packages: Record<string, { engines?: { node?: string } }>;
  };
  const needs = ["ai", "@ai-sdk/mcp", "@ai-sdk/openai", "@langchain/openai"].map(
    (name) => packages[`node_modules/${name}`]?.engines?.node,
  );
  expect(needs).toEqual([">=22", ">=22", ">=22", ">=22"]);
});

if (Number(process.versions.node.split(".")[0]) >= 22) await describeNewest(folder);
