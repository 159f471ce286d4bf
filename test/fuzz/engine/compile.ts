import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
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

const entries = (
  JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly tsup: { readonly entry: Readonly<Record<string, string>> };
  }
).tsup.entry;

/**
 * A module's text with imports of the package's entries led to the files that define what is imported: whole
 * entries would compile the whole package for every small target.
 */
function onSources(text: string, file: string): string {
  return text.replace(
    /import (type )?\{([^}]*)\} from "hosted-agent-identity(?:\/([a-z-]+))?";/g,
    (statement, type: string | undefined, names: string, entry = "index") => {
      const source = entries[entry];
      if (source === undefined) throw new Error(`${file}: ${statement} names no entry of the package.`);
      const homes = homesIn(source);
      const found = names.split(",").map((name) => name.trim());
      return found
        .filter((name) => name !== "")
        .map((name) => {
          const home = homes.get(/^(?:type )?(\w+)/.exec(name)?.[1] ?? "") ?? source;
          const path = posix.relative(posix.dirname(file), home).replace(/\.ts$/, ".js");
          return `import ${type ?? ""}{ ${name} } from ${JSON.stringify(path.startsWith(".") ? path : `./${path}`)};`;
        })
        .join("\n");
    },
  );
}

/** Where each name that an entry exports again comes from. */
function homesIn(entry: string): ReadonlyMap<string, string> {
  const homes = new Map<string, string>();
  const text = readFileSync(join(root, entry), "utf8");
  for (const [, names = "", path = ""] of text.matchAll(
    /export (?:type )?\{([^}]*)\} from "(\.[^"]+)\.js"/g,
  )) {
    const home = posix.join(posix.dirname(entry), `${path}.ts`);
    for (const name of names.split(","))
      homes.set(
        name
          .trim()
          .replace(/^type /, "")
          .replace(/^\w+ as /, ""),
        home,
      );
  }
  return homes;
}

/**
 * Compiles the fuzzer and what its targets use of `src` (and the faulty parsers): with counters, or without them,
 * because counting costs more than some parsers do.
 */
export function build(targets: string, counts: "counted" | "uncounted" = "counted"): Build {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "fuzz-"));
  const branches: Branch[] = [];
  const words = new Map<string, readonly string[]>();
  const modules = new Set(["test/fuzz/main.ts", "test/fuzz/sizes.ts", `${targets}.ts`]);
  // A set that grows while it is walked through: every module, once.
  for (const file of modules) {
    const source = onSources(readFileSync(join(root, file), "utf8"), file);
    for (const [, path = ""] of source.matchAll(/(?:from|import\() ?"(\.[^"]+)\.js"/g)) {
      modules.add(posix.join(posix.dirname(file), `${path}.ts`));
    }
    for (const [, path = ""] of source.matchAll(/import\("(\.[^"]+\.cjs)"\)/g)) {
      const asIs = posix.join(posix.dirname(file), path);
      mkdirSync(dirname(join(folder, asIs)), { recursive: true });
      copyFileSync(join(root, asIs), join(folder, asIs));
    }
    const isCounted = counts === "counted" && /^(src|test\/fuzz\/faulty\/parsers)\//.test(file);
    if (isCounted) words.set(file, wordsOf(source));
    const target = join(folder, file.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, isCounted ? instrumented(file, source, branches) : compiled(source, file));
  }
  // Says that these are ES modules, and which version this is.
  symlinkSync(join(root, "package.json"), join(folder, "package.json"));
  return { folder, branches, words, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
