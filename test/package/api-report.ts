import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";
import ts from "typescript";

const root: string = fileURLToPath(new URL("../..", import.meta.url));

/** Where the frozen reports stand, one file for each entry. */
export const reportFolder: string = join(root, "etc", "api");

/** The name of an entry's report. */
export function reportName(entry: string): string {
  return `${entry === "." ? "index" : entry.slice(2)}.d.ts`;
}

/**
 * What each entry of the built package declares, in one file each: every name with its whole type, whichever
 * file declares it. Comments are left out and the layout is the compiler's, so a report changes only when a
 * user's code can notice.
 */
export async function apiReports(): Promise<ReadonlyMap<string, string>> {
  const { exports: entries } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
  };
  const reports = new Map<string, string>();
  for (const [entry, target] of Object.entries(entries)) {
    if (typeof target !== "string") reports.set(entry, await reportOf(join(root, target.types)));
  }
  return reports;
}

async function reportOf(declarations: string): Promise<string> {
  const bundle = await rollup({
    input: declarations,
    plugins: [dts({ respectExternal: false })],
    // Everything outside the package's own declarations stays an import.
    external: (id, importer) =>
      importer !== undefined && !id.startsWith(".") && !id.startsWith(dirname(importer)),
    onwarn: (warning) => {
      throw new Error(`${declarations}: ${warning.message}`);
    },
  });
  const { output } = await bundle.generate({ format: "es" });
  await bundle.close();
  const text = output.map((chunk) => ("code" in chunk ? chunk.code : "")).join("\n");
  const source = ts.createSourceFile("report.d.ts", text, ts.ScriptTarget.ES2023, true);
  const printer = ts.createPrinter({ removeComments: true, newLine: ts.NewLineKind.LineFeed });
  return printer.printFile(source).split("\n").map(broken).join("\n");
}

/** A long union or list of exports with a line for each name, so that a difference shows just that name. */
function broken(line: string): string {
  if (line.length < 200) return line;
  return /^export (?:type )?\{/.test(line)
    ? line.replace(/ (?=\w+(?: as \w+)?[, ])/g, "\n    ").replace(" }", "\n}")
    : line.replaceAll(' | "', '\n    | "');
}
