import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { mutants } from "../mutants/list.js";

interface Proof {
  readonly threat: string;
  /** Under test, without `.test.ts`. */
  readonly file: string;
  readonly title: string;
  /** Names of mutants, "**open**", or a dash. */
  readonly mutants: string;
}

const page = readFileSync(new URL("../../docs/security.md", import.meta.url), "utf8");
const model = section(page, "Threat model");
const threats = [...model.matchAll(/^### (.+)$/gm)].map(([, name = ""]) => name);
const table = section(readFileSync(new URL("../../docs/proofs.md", import.meta.url), "utf8"), "Threats");
const proofs = table.split("\n").flatMap(proofOf);
const policy = readFileSync(new URL("../../SECURITY.md", import.meta.url), "utf8");

describe("the threat model", () => {
  it("says of every threat what stops it and what remains, and has a proof of it", () => {
    expect(threats.length).toBeGreaterThanOrEqual(17);
    expect(model.match(/\*\*Stops it:\*\*/g)).toHaveLength(threats.length);
    expect(model.match(/\*\*Remains:\*\*/g)).toHaveLength(threats.length);
    expect([...new Set(proofs.map(({ threat }) => threat))]).toEqual(threats);
    // No line of the table is left out because it could not be read.
    expect(proofs).toHaveLength((table.match(/^\| [A-Z].*`/gm) ?? []).length);
  });

  it.each(proofs)("$threat: $file has the test: $title", ({ file, title }) => {
    const source = new URL(`../${file}.test.ts`, import.meta.url);
    expect(existsSync(source)).toBe(true);
    const text = readFileSync(source, "utf8");
    expect(['"', "`"].some((quote) => text.includes(quote + title + quote))).toBe(true);
  });

  const guarded = proofs.filter(({ mutants: cell }) => cell !== "–" && cell !== "**open**");
  it.each(guarded)("$threat: the mutants of $file run it: $mutants", ({ file, mutants: cell }) => {
    const named = [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
    expect(named.map((name) => `\`${name}\``).join(" ")).toBe(cell);
    const tests = named.map((name) => mutants.find((mutant) => mutant.name === name)?.tests);
    for (const list of tests) expect(list).toContain(`test/${file}.test.ts`);
  });

  it("leads only to headings that stand on the page", () => {
    const headings = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => anchor(heading));
    const links = [page.matchAll(/\]\(#([^)]+)\)/g), policy.matchAll(/docs\/security\.md#([^)]+)\)/g)];
    const wanted = links.flatMap((found) => [...found].map(([, link]) => link));
    expect(wanted.length).toBeGreaterThan(10);
    expect(wanted.filter((link) => !headings.includes(link ?? ""))).toEqual([]);
  });
});

/** A line of the table; the two lines of its head are none. */
function proofOf(line: string): Proof[] {
  const [, threat = "", file = "", title = "", names = "", end] = line.split(" | ").flatMap(cells);
  if (end === undefined || threat === "threat") return [];
  return [{ threat, file: file.replaceAll("`", ""), title, mutants: names }];
}

function cells(text: string, at: number): string[] {
  if (at === 0) return text.startsWith("| ") ? ["", text.slice(2)] : [];
  return text.endsWith(" |") ? [text.slice(0, -2), ""] : [text];
}

function section(text: string, heading: string): string {
  return text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
}

/** As GitHub names a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} -]/gu, "")
    .replaceAll(" ", "-");
}
