import { existsSync, mkdtempSync, rmSync, writeFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { anchorOf, type Anchor } from "./anchor.js";
import { mutants } from "./list.js";
import { readSourceTree } from "./source-tree.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "mutants-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Writes source files, and looks for the guard in them. */
function find(
  files: Record<string, string>,
  patch: { readonly find: string; readonly in?: string; readonly replace?: string },
): Anchor | { readonly stale: string } {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return anchorOf({ replace: "", ...patch }, readSourceTree(folder));
}

const guard = { find: "if (owner !== caller) throw refused(owner, caller);" };
const body = "if (owner !== caller) throw refused(owner, caller);\n  return owner;";
const open = `export function open(owner: string, caller: string): string {\n  ${body}\n}\n`;

describe("the list of mutants", () => {
  const sources = readSourceTree(join(root, "src"));

  it("names one place in the source for each mutant", () => {
    const stale = mutants.flatMap((mutant) => {
      const anchor = anchorOf(mutant, sources);
      return "stale" in anchor ? [`${mutant.name}: ${anchor.stale}`] : [];
    });
    expect(stale).toEqual([]);
  });

  it("names test files that exist, and no mutant twice", () => {
    const files = new Set(mutants.flatMap(({ tests }) => tests));
    expect([...files].filter((file) => !existsSync(join(root, file)))).toEqual([]);
    const names = mutants.map(({ name }) => name);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });
});

describe("a guard", () => {
  it("is taken out of its file, and nothing else is", () => {
    const found = find({ "open.ts": open, "other.ts": "export const one = 1;\n" }, guard);
    expect(found).toEqual({
      path: join(folder, "open.ts"),
      patched: "export function open(owner: string, caller: string): string {\n  \n  return owner;\n}\n",
    });
  });

  it("is found when its file has moved, and when it stands in another function", () => {
    expect(
      find({ "deep/er/moved.ts": `const before = 1;\n${open.replace("open", "opened")}` }, guard),
    ).toEqual({
      path: join(folder, "deep/er/moved.ts"),
      patched: expect.stringContaining("const before = 1;\nexport function opened"),
    });
  });

  it.each([
    [
      "into lines",
      "if (\n    owner !== caller\n  )\n    throw refused(\n      owner,\n      caller,\n    );",
    ],
    [
      "with a comment inside",
      "if (owner !== caller) // Not theirs.\n    throw refused(owner, /* of */ caller);",
    ],
    ["onto one line", "if(owner!==caller)throw refused(owner,caller);"],
  ])("is found when it has been reformatted %s", (_how, text) => {
    const found = find({ "open.ts": open.replace(guard.find, text) }, guard);
    expect(found).toMatchObject({ patched: open.replace(guard.find, "") });
  });

  it("is found when a formatter has put parentheses around it, which stay", () => {
    const text =
      "export const same = (a: string, b: string) => {\n  return (\n    a !== '' &&\n    a === b\n  );\n};\n";
    const found = find(
      { "same.ts": text },
      { find: "return a !== '' && a === b;", replace: "return a === b;" },
    );
    expect(found).toMatchObject({ patched: expect.stringContaining("{\n  return a === b;\n}") });
  });

  it("is not found in a comment or in layout alone", () => {
    const text = `// ${guard.find}\n/** ${guard.find} */\nexport const one = 1;\n`;
    expect(find({ "open.ts": text }, guard)).toMatchObject({ stale: expect.stringContaining("nowhere") });
    expect(find({}, { find: " \n" })).toEqual({ stale: "its text is empty" });
  });
});

describe("a guard whose text stands twice", () => {
  const box = `export class Box {\n  open(owner: string, caller: string) {\n    ${body}\n  }\n  close() {}\n}\n`;
  const files = { "a.ts": open, "b.ts": box };

  it("is refused, with every place and what to do", () => {
    expect(find(files, guard)).toEqual({
      stale: `its text stands 2 times: ${join(folder, "a.ts")}:2 in open, ${join(folder, "b.ts")}:3 in Box.open. Say which with \`in\`, or take more of the text`,
    });
  });

  it.each([
    ["open", "a.ts"],
    ["Box", "b.ts"],
    ["Box.open", "b.ts"],
  ])("is told apart by its declaration: %s", (name, file) => {
    expect(find(files, { ...guard, in: name })).toMatchObject({ path: join(folder, file) });
  });

  it("is told apart by a table at the top level", () => {
    const tables = "export const a = { max: 3, min: 1 };\nexport const b = { max: 3, min: 1 };\n";
    const found = find({ "tables.ts": tables }, { find: "max: 3", in: "b", replace: "max: 9" });
    expect(found).toMatchObject({ patched: expect.stringContaining("b = { max: 9, min: 1 }") });
  });

  it("is refused where it stands twice in the same declaration", () => {
    const twice = open.replace(guard.find, `${guard.find}\n  ${guard.find}`);
    expect(find({ "a.ts": twice }, { ...guard, in: "open" })).toMatchObject({
      stale: expect.stringContaining("stands 2 times in open"),
    });
  });
});

describe("a guard that is gone", () => {
  it("is refused, with the place that has most of its text", () => {
    const changed = open.replace("refused(owner, caller)", "refused(owner, other)");
    expect(find({ "a.ts": changed, "b.ts": "export const owner = '';\n" }, guard)).toEqual({
      stale: `its text stands nowhere. The nearest is ${join(folder, "a.ts")}:2 in open: if (owner !== caller) throw refused(owner, other);`,
    });
    const negated = open.replace("owner !== caller", "caller === owner");
    expect(find({ "a.ts": negated }, guard)).toMatchObject({
      stale: expect.stringContaining(":2 in open: if (caller === owner) throw refused(owner, caller);"),
    });
  });

  it("is refused where it stands in another declaration than `in` says", () => {
    expect(find({ "a.ts": open }, { ...guard, in: "close" })).toEqual({
      stale: `its text does not stand in close, but at ${join(folder, "a.ts")}:2 in open. Correct \`in\`, or leave it out if the text stands once`,
    });
  });

  it("is refused where what remains does not parse: that would fail every test", () => {
    expect(find({ "a.ts": open }, { find: "if (owner !== caller)", replace: "if (" })).toMatchObject({
      stale: expect.stringContaining("does not parse"),
    });
  });
});
