import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
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

/** Compiles the fuzzer, and with counters what its targets use of `src` (and the faulty parsers). */
export function build(targets: string): Build {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "fuzz-"));
  const branches: Branch[] = [];
  const words = new Map<string, readonly string[]>();
  const modules = new Set(["test/fuzz/main.ts", `${targets}.ts`]);
  // A set that grows while it is walked through: every module, once.
  for (const file of modules) {
    const source = readFileSync(join(root, file), "utf8");
    for (const [, path = ""] of source.matchAll(/(?:from|import\() ?"(\.[^"]+)\.js"/g)) {
      modules.add(posix.join(posix.dirname(file), `${path}.ts`));
    }
    const isCounted = file.startsWith("src/") || file.startsWith("test/fuzz/faulty/parsers/");
    if (isCounted) words.set(file, wordsOf(source));
    const target = join(folder, file.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, isCounted ? instrumented(file, source, branches) : compiled(source, file));
  }
  // Says that these are ES modules, and which version this is.
  symlinkSync(join(root, "package.json"), join(folder, "package.json"));
  return { folder, branches, words, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
