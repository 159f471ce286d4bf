import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { compiled, instrumented, wordsOf, type Branch } from "./instrument.js";

/** The source with its branches counted, and the fuzzer, compiled into a folder of their own. */
export interface Build {
  readonly folder: string;
  readonly branches: readonly Branch[];
  /** What each module compares with, by file. */
  readonly words: ReadonlyMap<string, readonly string[]>;
  remove(): void;
}

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Below node_modules, so that packages are found from there and nothing looks at it. */
const cache = join(root, "node_modules", ".cache");

/** Compiles `src` and the faulty parsers with counters, and the fuzzer without. */
export function build(): Build {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "fuzz-"));
  const branches: Branch[] = [];
  const words = new Map<string, readonly string[]>();
  const modules = [...filesBelow(join(root, "src")), ...filesBelow(join(root, "test/fuzz"))];
  for (const path of modules) {
    const file = relative(root, path).replaceAll("\\", "/");
    if (file.endsWith(".test.ts")) continue;
    const source = readFileSync(path, "utf8");
    const isCounted = file.startsWith("src/") || file.startsWith("test/fuzz/faulty/parsers/");
    if (isCounted) words.set(file, wordsOf(source));
    const target = join(folder, file.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, isCounted ? instrumented(file, source, branches) : compiled(source, file));
  }
  // What `src/foundry/version.ts` and the like read beside themselves.
  symlinkSync(join(root, "package.json"), join(folder, "package.json"));
  return { folder, branches, words, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));
}
