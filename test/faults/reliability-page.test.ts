import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const page = readFileSync("docs/reliability.md", "utf8");
const failures = /^## Failures$([^]*?)^## /m.exec(readFileSync("docs/proofs.md", "utf8"))?.[1] ?? "";
const sections = failures.split(/^(?=### )/m);

describe.each(sections.map((text) => [/^### (.*)/.exec(text)?.[1] ?? "the beginning", text]))(
  "%s",
  (_name, text) => {
    const files = [...text.matchAll(/`(test\/[\w/-]+\.test\.ts)`/g)].map(([, file = ""]) => file);
    /** What is quoted outside of code is the name of a test in one of the files that the section names. */
    const quoted = [...text.replaceAll(/`[^`\n]*`/g, "").matchAll(/"([^"\n]+)"/g)].map(
      ([, name = ""]) => name,
    );

    it("names existing tests", () => {
      const sources = files.map((file) => readFileSync(file, "utf8"));
      const missing = quoted.filter((name) => !sources.some((source) => source.includes(name)));
      expect(missing).toEqual([]);
    });
  },
);

it("every section of docs/reliability.md about a failure names its tests in docs/proofs.md", () => {
  const others = ["It runs for a long time", "Known and open"];
  const headings = Array.from(page.matchAll(/^##+ (.*)$/gm), ([, heading = ""]) => heading);
  const proven = sections.slice(1).map((text) => /^### (.*)/.exec(text)?.[1]);
  expect(headings.filter((heading) => !others.includes(heading))).toEqual(proven);
  for (const text of sections.slice(1)) expect(text).toMatch(/`test\/[\w/-]+\.test\.ts`/);
  expect(proven.length).toBeGreaterThan(6);
  expect(failures.match(/`test\/[\w/-]+\.test\.ts`/g)?.length).toBeGreaterThan(20);
});
