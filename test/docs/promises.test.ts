import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { promises } from "./promises.js";

/** Words that leave no room for an exception. */
const absolute = /\b(every|never|nowhere|nothing|none|nobody|no one|always|no other|whatever|entirely)\b/i;

const page = readFileSync(new URL("../../docs/security.md", import.meta.url), "utf8");
/** Only the repository has this part of the page. */
const [, fuzzing = ""] = readFileSync(new URL("../../docs/proofs.md", import.meta.url), "utf8").split(
  /^## Fuzzing$/m,
);
const sentences = sentencesOf(page + fuzzing).filter((sentence) => absolute.test(sentence));

describe("docs/security.md says without exception", () => {
  it("nothing that is not in the list of promises", () => {
    const known = promises.map(({ says }) => says);
    expect(sentences.filter((sentence) => !known.some((one) => sentence.includes(one)))).toEqual([]);
  });

  it.each(promises)("$says", ({ says, proof }) => {
    expect(sentences.filter((sentence) => sentence.includes(says))).toHaveLength(1);
    for (const [file, title] of proof.tests) {
      const source = new URL(`../${file}.test.ts`, import.meta.url);
      expect(existsSync(source)).toBe(true);
      expect(readFileSync(source, "utf8")).toContain(title);
    }
    // What no test can show is said to be so.
    expect(proof.tests.length > 0 || (proof.because ?? "").length > 20).toBe(true);
  });
});

/** The sentences of the page's prose: without headings, tables, code and the addresses of links. */
function sentencesOf(markdown: string): string[] {
  return markdown
    .replaceAll(/```[\s\S]*?```/g, "\n")
    .split("\n")
    .filter((line) => !line.startsWith("|") && !line.startsWith("#"))
    .join("\n")
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll("**", "")
    .split(/(?<=[.!?:])\s+|\n+/)
    .map((sentence) => sentence.trim());
}
