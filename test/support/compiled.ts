import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));
let folder: string | undefined;

/**
 * Where a program of this repository stands as JavaScript. A process that runs it there starts in half of the time
 * that it needs to translate the sources itself, and runs on the same sources: they are translated for every run.
 */
export function compiled(file: string | URL): string {
  const path = typeof file === "string" ? file : relative(root, fileURLToPath(file));
  const at = process.env["TEST_COMPILED_FOLDER"];
  if (at === undefined) throw new Error("Programs are compiled by Vitest's global setup.");
  return join(at, path.replace(/\.ts$/, ".js"));
}

/** Vitest's global setup. The folder lies here, so that its programs find their packages. */
export async function setup(): Promise<void> {
  // Another project of this run, or another server of the mutants, has made it.
  if (process.env["TEST_COMPILED_FOLDER"] !== undefined) return;
  folder = mkdtempSync(join(root, "test", "compiled-"));
  const sources = ["src", "examples", "test"].flatMap(programsOf);
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: sources,
    outdir: folder,
    outbase: root,
    format: "esm",
    platform: "node",
    target: "node20",
    write: false,
  });
  for (const { path, text } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    // Programs that start others name them as sources, and so do programs that Node 24 runs as they are.
    const javascript = text
      .replaceAll(/(new URL\("[^"]+)\.ts(", import\.meta\.url\))/g, "$1.js$2")
      .replaceAll(/(from "\.{1,2}\/[^"]+)\.ts"/g, '$1.js"');
    writeFileSync(path, javascript);
  }
  for (const asIs of ["examples/chat/page", "src/exchange/msal.cjs"])
    cpSync(join(root, asIs), join(folder, asIs), { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify(packageOnSources()));
  process.env["TEST_COMPILED_FOLDER"] = folder;
}

export function teardown(): void {
  if (folder === undefined) return;
  delete process.env["TEST_COMPILED_FOLDER"];
  rmSync(folder, { recursive: true, force: true });
}

/** What processes may run: no tests, and nothing that a folder has installed or made. */
function programsOf(under: string): string[] {
  return readdirSync(join(root, under), { withFileTypes: true }).flatMap((entry) => {
    const path = join(under, entry.name);
    if (entry.isDirectory())
      return /^(node_modules|\..*|compiled-.*)$/.test(entry.name) ? [] : programsOf(path);
    return /(?<!\.test|\.d)\.ts$/.test(entry.name) ? [path] : [];
  });
}

/** The package as its programs see it when they import it by its name. */
function packageOnSources(): object {
  const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { name: string; type: string };
  const { compilerOptions } = JSON.parse(readFileSync(join(root, "test/tsconfig.json"), "utf8")) as {
    compilerOptions: { paths: Record<string, [string]> };
  };
  const entries = Object.entries(compilerOptions.paths).map(([name, [source]]) => [
    name.replace(own.name, "."),
    source.replace("../src", "./src").replace(/ts$/, "js"),
  ]);
  return { name: own.name, type: own.type, exports: Object.fromEntries(entries) };
}
