import { readFileSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as limits from "../../etc/limits.js";
import { packTarball } from "../support/tarball.js";
import { circles } from "./circles.js";
import { functionsOf } from "./functions.js";
import { addSourceToCopy } from "./in-tree-source.js";
import { citedByNumber } from "./rule-comments.js";
import { conditionalSpreads, type Place } from "./spreads.js";
import { publicNames, testImports, type TestImport } from "./test-imports.js";
import { filesUnder, root, type SourceFile } from "./tree.js";

/** One thing that is measured of the repository. */
export interface Measure {
  readonly name: string;
  readonly value: string;
  readonly limit: string;
  readonly ok: boolean;
  /** What is wrong and where; of a good measure, what there is to know. */
  readonly details: readonly string[];
}

/** Everything that `npm run house` prints, in its order. */
export async function measures(): Promise<readonly Measure[]> {
  // It type-checks in a process of its own, while this one reads.
  const newSource = filesOfNewSource();
  const tarball = tarballSize();
  const src = filesUnder("src");
  const tests = filesUnder("test");
  const others = [...filesUnder("examples"), ...filesUnder("bench")];
  return [
    noCircles(src),
    longestFunction(src),
    ...importsOfTests(src, tests),
    spreads(src),
    ruleNumbers([...src, ...tests.filter(({ path }) => !path.startsWith("test/house/")), ...others]),
    await tarball,
    await newSource,
  ];
}

function noCircles(src: readonly SourceFile[]): Measure {
  const found = circles(src).map((circle) => [...circle, circle[0]].join(" -> "));
  return none("circles among files, type-only imports included", found);
}

/** The longest of the functions that keep the limit, and those that may be longer still. */
function longestFunction(src: readonly SourceFile[]): Measure {
  const all = src.flatMap(functionsOf).toSorted((one, other) => other.length - one.length);
  const allowed = (path: string): number => limits.longerFunctions[path] ?? limits.longestFunction;
  const tooLong = all.filter(({ path, length }) => length > allowed(path));
  const stale = Object.entries(limits.longerFunctions).flatMap(([path, max]) => {
    const longest = Math.max(0, ...all.filter((one) => one.path === path).map(({ length }) => length));
    if (longest === max && longest > limits.longestFunction) return [];
    return [`etc/limits.ts allows ${max} lines in ${path}, whose longest function has ${longest}`];
  });
  const exceptions = Object.entries(limits.longerFunctions).map(([path, max]) => `${path}: ${max} for now`);
  const [longest] = all;
  return {
    name: "lines of the longest function, without blank lines and comments",
    value: longest === undefined ? "0" : `${longest.length} (${longest.name}, ${longest.path})`,
    limit: `${limits.longestFunction}${exceptions.length === 0 ? "" : `, with ${exceptions.length} exceptions`}`,
    ok: tooLong.length === 0 && stale.length === 0,
    details: [
      ...tooLong.map(({ path, line, name, length }) => `${path}:${line} ${name} has ${length} lines`),
      ...stale,
      ...exceptions,
    ],
  };
}

function importsOfTests(src: readonly SourceFile[], tests: readonly SourceFile[]): readonly Measure[] {
  const { tsup } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly tsup: { readonly entry: Readonly<Record<string, string>> };
  };
  const isPublic = publicNames(Object.values(tsup.entry), new Map(src.map((file) => [file.path, file])));
  const imports = testImports(tests, isPublic);
  const internal = imports.filter(({ kind }) => kind !== "public");
  const mirrored = internal.filter(({ kind }) => kind === "mirrored");
  return [
    none(
      "public names that tests import by a private path",
      imports.filter(({ kind }) => kind === "public").map(importLine),
    ),
    {
      name: "internal names that tests import by path",
      value: `${internal.length}, ${mirrored.length} of them from the folder that the test mirrors`,
      limit: "none",
      ok: true,
      details: byRoom(internal),
    },
  ];
}

function importLine({ test, line, target, name }: TestImport): string {
  return `${test}:${line} ${name} from ${target}`;
}

/** How many names each folder of tests takes from which folders of `src`. */
function byRoom(imports: readonly TestImport[]): readonly string[] {
  const rooms = new Map<string, Map<string, number>>();
  for (const { test, target } of imports) {
    const from = test.split("/")[1] ?? "";
    const to = target.split("/")[1] ?? "";
    const counts = rooms.get(from) ?? new Map<string, number>();
    rooms.set(from, counts.set(to, (counts.get(to) ?? 0) + 1));
  }
  return [...rooms].map(
    ([from, counts]) => `test/${from}: ${[...counts].map(([to, count]) => `${to} ${count}`).join(", ")}`,
  );
}

function spreads(src: readonly SourceFile[]): Measure {
  const all = src.flatMap(conditionalSpreads);
  const elsewhere = all.filter(({ path }) => !(path in limits.onTheWire));
  const unused = Object.keys(limits.onTheWire).filter((path) => !all.some((one) => one.path === path));
  return {
    name: "conditional spreads outside what goes on the wire",
    value: `${elsewhere.length}, and ${all.length - elsewhere.length} on the wire`,
    limit: String(limits.conditionalSpreads),
    ok: elsewhere.length <= limits.conditionalSpreads && unused.length === 0,
    details: [
      ...elsewhere.map(placeLine),
      ...unused.map((path) => `etc/limits.ts names ${path}, which has none any more`),
      ...Object.entries(limits.onTheWire).map(([path, why]) => `on the wire: ${path}, ${why}`),
    ],
  };
}

function ruleNumbers(files: readonly SourceFile[]): Measure {
  return none("rules cited by number alone", files.flatMap(citedByNumber).map(placeLine));
}

async function tarballSize(): Promise<Measure> {
  const folder = await mkdtemp(join(tmpdir(), "house-tarball-"));
  try {
    const { file } = await packTarball(folder);
    const kb = (await stat(file)).size / 1000;
    return {
      name: "size of the tarball",
      value: `${Math.ceil(kb)} kB`,
      limit: `${limits.tarballKb} kB`,
      ok: kb <= limits.tarballKb,
      details: [],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function filesOfNewSource(): Promise<Measure> {
  const measure = {
    name: "files of src that a new token source touches",
    limit: String(limits.filesOfNewSource),
  };
  try {
    const touched = await addSourceToCopy();
    return {
      ...measure,
      value: String(touched.length),
      ok: touched.length <= limits.filesOfNewSource,
      details: touched.map(({ path, what }) => `${path}: ${what}`),
    };
  } catch (error) {
    return { ...measure, value: "unknown", ok: false, details: String(error).split("\n") };
  }
}

function none(name: string, found: readonly string[]): Measure {
  return { name, value: String(found.length), limit: "0", ok: found.length === 0, details: found };
}

function placeLine({ path, line }: Place): string {
  return `${path}:${line}`;
}
