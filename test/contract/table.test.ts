import { readdir, readFile } from "node:fs/promises";
import { expect, it } from "vitest";

const rule = String.raw`(?:B\d+|C\d|S-\d{3}(?: \(Python\))?|[a-z]+-[a-z]+)`;

/** The rules that a test of this folder is named after. */
async function tested(): Promise<ReadonlySet<string>> {
  const files = (await readdir(import.meta.dirname)).filter((name) => name.endsWith(".test.ts"));
  const texts = await Promise.all(files.map((name) => readFile(`${import.meta.dirname}/${name}`, "utf8")));
  const named = new RegExp(`(?:it\\(\\s*["\`]|\\[")(${rule})(?::|", \\{)`, "g");
  return new Set(texts.flatMap((text) => [...text.matchAll(named)].map(([, name = ""]) => name)));
}

/** The rows of the guide: rule, and who keeps it. */
async function rows(): Promise<readonly (readonly [string, string])[]> {
  const guide = await readFile(new URL("../../docs/guides/responses-contract.md", import.meta.url), "utf8");
  const row = new RegExp(`^\\| (${rule}) \\| [^|]+ \\| (held|host|removed|as ${rule}) \\|`, "gm");
  return [...guide.matchAll(row)].map(([, name = "", by = ""]) => [name, by] as const);
}

it("the guide has every rule once, and a test for each that it calls held", async () => {
  const table = await rows();
  const names = table.map(([name]) => name);
  expect(names).toEqual([...new Set(names)]);
  const held = table.filter(([, by]) => by === "held").map(([name]) => name);
  expect(held.toSorted()).toEqual([...(await tested())].toSorted());
  const elsewhere = table.flatMap(([, by]) => (by.startsWith("as ") ? [by.slice(3)] : []));
  expect(elsewhere.filter((name) => !held.includes(name))).toEqual([]);
});

it("the guide leaves no rule of the contract out", async () => {
  const names = (await rows()).map(([name]) => name);
  const numbered = [
    ...Array.from({ length: 40 }, (_, n) => `B${n + 1}`),
    ...Array.from({ length: 8 }, (_, n) => `C${n + 1}`),
    ...Array.from({ length: 46 }, (_, n) => `S-${String(n + 1).padStart(3, "0")}`),
  ];
  expect(names).toEqual(expect.arrayContaining(numbered));
});
