import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const page = readFileSync("docs/reliability.md", "utf8");
const named = [...page.matchAll(/`(test\/[\w/-]+\.test\.ts)`(?:, "([^"]+)")?/g)].map(
  ([, file = "", test = ""]) => [file, test] as const,
);

it("names tests that there are", () => {
  expect(named.length).toBeGreaterThan(15);
  for (const [file, test] of named) expect(readFileSync(file, "utf8"), `${file}: ${test}`).toContain(test);
});
