import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const sections = readFileSync("docs/reliability.md", "utf8").split(/^(?=## )/m);

describe.each(sections.map((text) => [/^## (.*)/.exec(text)?.[1] ?? "the beginning", text]))(
  "%s",
  (_name, text) => {
    const files = [...text.matchAll(/`(test\/[\w/-]+\.test\.ts)`/g)].map(([, file = ""]) => file);
    /** What is quoted outside of code is the name of a test in one of the files that the section names. */
    const quoted = [...text.replaceAll(/`[^`\n]*`/g, "").matchAll(/"([^"\n]+)"/g)].map(
      ([, name = ""]) => name,
    );

    it("names tests that there are", () => {
      const sources = files.map((file) => readFileSync(file, "utf8"));
      const missing = quoted.filter((name) => !sources.some((source) => source.includes(name)));
      expect(missing).toEqual([]);
    });
  },
);

it("the page names enough tests to be worth the look", () => {
  const named = sections.flatMap((text) => [...text.matchAll(/`test\/[\w/-]+\.test\.ts`/g)]);
  expect(named.length).toBeGreaterThan(20);
  expect(sections.length).toBeGreaterThan(6);
});
