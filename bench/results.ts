import { readFile, writeFile } from "node:fs/promises";
import { misses, ratios, type Row } from "./table.js";

/** What was measured, and on what: never which machine or where on it. */
export interface Machine {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
}

export interface Results extends Machine {
  /** Versions of what was measured beside. */
  readonly peers: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
  /** The row of that name. Throws when there is none. */
  row(what: string): Row;
}

const measuredBeside = ["@azure/msal-node", "@azure/identity", "jose", "@modelcontextprotocol/sdk"];

/** The figures in the documentation are those of Node 20; every other version has a file of its own. */
export function resultsFile(node: string = process.version): string {
  const major = /^v(\d+)/.exec(node)?.[1];
  return major === "20" ? "results.json" : `results-node${major}.json`;
}

export async function readResults(file: string): Promise<Results> {
  const results = JSON.parse(await readFile(new URL(file, import.meta.url), "utf8")) as Omit<Results, "row">;
  return {
    ...results,
    row(what) {
      const row = results.rows.find((one) => one.what === what);
      if (row === undefined) throw new Error(`${file} has no row ${JSON.stringify(what)}: measure again`);
      return row;
    },
  };
}

export async function writeResults(machine: Machine, rows: readonly Row[]): Promise<void> {
  const versions = measuredBeside.map(async (name) => [name, await versionOf(name)] as const);
  const results = {
    ...machine,
    peers: Object.fromEntries(await Promise.all(versions)),
    rows: rows.map((row) => ({ ...row, ratios: ratios(row), verdict: misses(row) ? "missed" : "ok" })),
  };
  const rounded = (_key: string, value: unknown): unknown =>
    typeof value === "number" ? Number(value.toPrecision(4)) : value;
  const file = new URL(resultsFile(machine.node), import.meta.url);
  await writeFile(file, `${JSON.stringify(results, rounded, 2)}\n`);
}

async function versionOf(name: string): Promise<string> {
  const lock = JSON.parse(await readFile(new URL("../package-lock.json", import.meta.url), "utf8")) as {
    packages: Record<string, { version: string }>;
  };
  return lock.packages[`node_modules/${name}`]?.version ?? "unknown";
}
