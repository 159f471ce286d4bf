import { fork } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { subjects } from "./subjects.js";
import { exitCode, misses, ratios, table, type Row } from "./table.js";

/**
 * `npm run bench [subject…]`: measures the built package beside its peers, prints a table, writes
 * `bench/results.json` (only when everything was measured) and exits 1 when a budget is missed.
 */
const started = performance.now();
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in subjects));
if (unknown.length > 0)
  throw new Error(`unknown: ${unknown.join(", ")}; there is ${Object.keys(subjects).join(", ")}`);

const rows: Row[] = [];
for (const name of wanted.length === 0 ? Object.keys(subjects) : wanted) {
  const begun = performance.now();
  rows.push(...(await measured(name)));
  console.error(`${name}: ${seconds(begun)} s`);
}

const machine = { node: process.version, cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length };
console.log(`\nNode ${machine.node}, ${machine.cores} x ${machine.cpu}, ${seconds(started)} s\n`);
console.log(table(rows));
const missed = rows.filter(misses);
console.log(
  missed.length === 0 ? "every budget is met" : `${missed.length} of ${rows.length} budgets missed`,
);
if (wanted.length === 0) await writeResults();
process.exitCode = exitCode(rows);

/** The rows of one subject, measured in a process of its own. */
async function measured(name: string): Promise<readonly Row[]> {
  const child = fork(fileURLToPath(new URL("child.ts", import.meta.url)), [name], {
    // Those of this process bring the TypeScript loader along.
    execArgv: [...process.execArgv, "--expose-gc", "--max-old-space-size=4096"],
  });
  const answers: Row[][] = [];
  child.on("message", (answer) => void answers.push(answer as Row[]));
  const [code] = (await once(child, "exit")) as [number | null];
  const [answer] = answers;
  if (code !== 0 || answer === undefined) throw new Error(`${name} could not be measured`);
  return answer;
}

async function writeResults(): Promise<void> {
  const results = {
    ...machine,
    peers: {
      "@azure/msal-node": await versionOf("@azure/msal-node"),
      "@azure/identity": await versionOf("@azure/identity"),
    },
    rows: rows.map((row) => ({
      ...row,
      ratios: ratios(row),
      verdict: misses(row) ? "missed" : "ok",
    })),
  };
  const rounded = (_key: string, value: unknown): unknown =>
    typeof value === "number" ? Number(value.toPrecision(4)) : value;
  await writeFile(new URL("results.json", import.meta.url), `${JSON.stringify(results, rounded, 2)}\n`);
}

async function versionOf(name: string): Promise<string> {
  const path = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return (JSON.parse(await readFile(path, "utf8")) as { version: string }).version;
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
