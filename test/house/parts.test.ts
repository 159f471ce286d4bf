import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { circles } from "./circles.js";
import { folders, importable } from "./floors.js";
import { functionsOf } from "./functions.js";
import { generatedFiles } from "./generated.js";
import { citedByNumber } from "./rule-comments.js";
import { conditionalSpreads } from "./spreads.js";
import { publicNames, testImports } from "./test-imports.js";
import { filesUnder, parsed, root } from "./tree.js";

describe("circles", () => {
  const found = (files: Readonly<Record<string, string>>) =>
    circles(Object.entries(files).map(([path, text]) => parsed(path, text)));

  it("are found through types, re-exports and import()", () => {
    for (const way of [
      'import type { B } from "./b.js";',
      'export { b } from "./b.js";',
      'type B = import("./b.js").B;',
      'const b = () => import("./b.js");',
    ])
      expect(found({ "src/a.ts": way, "src/b.ts": 'import { a } from "./a.js";' })).toEqual([
        ["src/a.ts", "src/b.ts"],
      ]);
  });

  it("are shown the shortest way around, until every file of one has been shown", () => {
    expect(
      found({
        "src/x/a.ts": 'import "./b.js"; import "../c.js";',
        "src/x/b.ts": 'import "../c.js";',
        "src/c.ts": 'import "./x/a.js";',
      }),
    ).toEqual([
      ["src/x/a.ts", "src/c.ts"],
      ["src/x/b.ts", "src/c.ts", "src/x/a.ts"],
    ]);
    expect(found({ "src/a.ts": 'import "./b.js";', "src/b.ts": 'import "node:fs";' })).toEqual([]);
  });
});

it("a function's length is its lines of code, with those of functions inside it", () => {
  const text = [
    "/** About it. */",
    "export function outer(",
    "  one: number,",
    "): number {",
    "",
    "  // a comment",
    "  const inner = () => {",
    "    /* another",
    "       one */",
    "    return 1;",
    "  };",
    "  return inner(); // with code before it",
    "}",
  ].join("\n");
  expect(functionsOf(parsed("src/a.ts", text)).map(({ name, line, length }) => [name, line, length])).toEqual(
    [
      ["outer", 2, 8],
      ["inner", 7, 3],
    ],
  );
});

it.each([
  ["const a = { ...(x === undefined ? {} : { x }) };", 1],
  ["const a = { ...(x !== undefined ? { x } : {}) };", 1],
  ["const a = { ...(x !== undefined && { x }) };", 1],
  ["const a = { ...(x == null ? {} : { x }) };", 1],
  ["const a = { ...(isOn ? { x } : {}) };", 0],
  ["const a = { ...defaults, x: x ?? undefined };", 0],
  ["const a = [...(x === undefined ? [] : [x])];", 0],
])("%s has %i spreads that leave a field out", (text, count) => {
  expect(conditionalSpreads(parsed("src/a.ts", text))).toHaveLength(count);
});

it.each([
  ["// Rule 14.", 1],
  [" * may be kept (rules 2 and 9)", 1],
  ["// Source: rule B11", 1],
  ["// Rule 14, proof of subject.", 1],
  ["// The proof of whose token it is.", 0],
  ["const rules = 3;", 0],
])("%s cites a rule by number %i times", (text, count) => {
  expect(citedByNumber({ path: "src/a.ts", text })).toHaveLength(count);
});

it("a name is public where an entry passes on that very thing", () => {
  const files = new Map(
    Object.entries({
      "src/index.ts": 'export { one, deep as two } from "./x/face.js"; export * from "./y/all.js";',
      "src/x/face.ts": 'export { one, inner as deep } from "./inner.js"; export const hidden = 1;',
      "src/x/inner.ts": "export const one = 1; export function inner() {}",
      "src/y/all.ts": "export const three = 3;",
      "src/z.ts": "export const one = 2;",
    }).map(([path, text]) => [path, parsed(path, text)]),
  );
  const isPublic = publicNames(["src/index.ts"], files);
  const test = parsed(
    "test/x/a.test.ts",
    'import { one, inner } from "../../src/x/inner.js"; import { hidden } from "../../src/x/face.js"; import { one as z } from "../../src/z.js";',
  );
  expect(testImports([test], isPublic).map(({ name, target, kind }) => [name, target, kind])).toEqual([
    ["one", "src/x/inner.ts", "public"],
    ["inner", "src/x/inner.ts", "public"],
    ["hidden", "src/x/face.ts", "mirrored"],
    ["one", "src/z.ts", "elsewhere"],
  ]);
});

describe("the floors", () => {
  let copy: string;
  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), "floors-"));
    cpSync(join(root, ".oxlintrc.json"), join(copy, ".oxlintrc.json"));
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  /** What the lint says of one import in one file. */
  async function verdict(path: string, from: string): Promise<string> {
    const file = join(copy, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `import { thing } from "${from}";\nexport const used = thing;\n`);
    const oxlint = join(root, "node_modules/.bin/oxlint");
    return new Promise((resolve) => {
      execFile(oxlint, [path], { cwd: copy }, (_error, stdout) => {
        rmSync(file);
        resolve(stdout.includes("no-restricted-imports") ? "refused" : "allowed");
      });
    });
  }

  it.each([
    ["src/errors/a.ts", "../async/b.js", "allowed"],
    ["src/errors/a.ts", "../turn/b.js", "refused"],
    ["src/entra/a.ts", "../foundry/b.js", "refused"],
    ["src/sign-in/grants/a.ts", "../flow/b.js", "allowed"],
    ["src/sign-in/grants/a.ts", "../../tokens/b.js", "allowed"],
    ["src/sign-in/grants/a.ts", "../../turn/b.js", "refused"],
    ["src/turn/a.ts", "../index.js", "refused"],
    ["src/errors.ts", "./errors/b.js", "allowed"],
    ["src/errors.ts", "./turn/b.js", "refused"],
    ["src/testing/entra/a.ts", "../../entra/b.js", "refused"],
    ["src/testing/foundry/a.ts", "../entra/b.js", "allowed"],
    ["src/testing/foundry/toolbox/a.ts", "../../entra/b.js", "allowed"],
    ["src/testing/foundry/toolbox/a.ts", "../../../entra/b.js", "refused"],
    ["src/testing/index.ts", "../context/b.js", "allowed"],
    ["src/otel/a.ts", "@opentelemetry/api", "allowed"],
    ["src/turn/a.ts", "@opentelemetry/api", "refused"],
  ])("%s may import %s: %s", async (path, from, expected) => {
    expect(await verdict(path, from)).toBe(expected);
  });

  it("name every folder of src, and nothing else", () => {
    const real = new Set(
      filesUnder("src")
        .map(({ path }) => path.split("/"))
        .filter((parts) => parts.length > 2)
        .map(([, folder]) => folder),
    );
    expect([...folders].sort()).toEqual([...real].sort());
    expect(importable("testing")).not.toContain("entra");
  });
});

it("what is generated from etc/ is as etc/ says", () => {
  for (const { path, actual, expected } of generatedFiles())
    expect(actual, `${path}: npm run house -- --write`).toBe(expected);
});
