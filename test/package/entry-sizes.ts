import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";
import { buildIfStale } from "../support/tarball.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What importing an entry costs. */
export interface EntrySize {
  /** As in `exports`, for example `./express`; `bin` for the command line. */
  readonly entry: string;
  /** Bytes of our own code that are loaded at once. */
  readonly minified: number;
  readonly gzip: number;
  /** Minified bytes that are loaded at once beside the root entry, in a program that has loaded it. */
  readonly besideRoot: number;
  /** Packages that are loaded at once, and those that are loaded when first needed. */
  readonly atOnce: readonly string[];
  readonly later: readonly string[];
}

/** Bundles what is published, all entries together, so that shared parts and lazy parts stay apart. */
export async function entrySizes(): Promise<readonly EntrySize[]> {
  await buildIfStale();
  const files = publishedEntries();
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(files.map(({ file }) => [basename(file, ".js"), file])),
    outdir: "sizes",
    bundle: true,
    splitting: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    logLevel: "error",
  });
  const code = new Map(outputFiles.map(({ path, contents }) => [basename(path), contents]));
  const sizeOf = (paths: Iterable<string>): number =>
    [...paths].reduce((sum, path) => sum + (code.get(basename(path))?.length ?? 0), 0);
  const byRoot = reached(metafile, ["sizes/index.js"], ["import-statement"]).outputs;
  return files.map(({ entry, file }) => {
    const output = `sizes/${basename(file)}`;
    const atOnce = reached(metafile, [output], ["import-statement"]);
    const all = reached(metafile, [output], ["import-statement", "dynamic-import", "require-call"]);
    const own = [...atOnce.outputs].map((path) => code.get(basename(path)) ?? new Uint8Array());
    return {
      entry,
      minified: sizeOf(atOnce.outputs),
      besideRoot: sizeOf([...atOnce.outputs].filter((path) => !byRoot.has(path))),
      gzip: own.reduce((sum, part) => sum + gzipSync(part).length, 0),
      atOnce: [...atOnce.packages].sort(),
      later: [...all.packages].filter((name) => !atOnce.packages.has(name)).sort(),
    };
  });
}

function publishedEntries(): { entry: string; file: string }[] {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
    readonly bin: Readonly<Record<string, string>>;
  };
  const exported = Object.entries(manifest.exports).flatMap(([entry, target]) =>
    typeof target === "string" ? [] : [{ entry, file: target.default }],
  );
  return [...exported, ...Object.values(manifest.bin).map((file) => ({ entry: "bin", file }))];
}

/** The bundles and packages that are reached through imports of these kinds. */
function reached(
  { outputs }: Metafile,
  from: readonly string[],
  kinds: readonly string[],
): { outputs: Set<string>; packages: Set<string> } {
  const found = { outputs: new Set(from), packages: new Set<string>() };
  // A set that grows is walked to its end.
  for (const output of found.outputs) {
    const imports = outputs[output]?.imports ?? [];
    for (const { path, external } of imports.filter((one) => kinds.includes(one.kind))) {
      if (!external) found.outputs.add(path);
      else if (!path.startsWith("node:")) found.packages.add(packageOf(path));
    }
  }
  return found;
}

function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}
