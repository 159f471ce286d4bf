import { fork } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { writeDocuments } from "./documents.js";
import { writeResults } from "./results.js";
import { longSubjects, subjects } from "./subjects.js";
import { exitCode, isShort, misses, table, type Row } from "./table.js";

/**
 * `npm run bench [subject…]` measures the built package beside its peers, prints a table, and exits 1 when a
 * budget is missed. `--write` keeps what was measured: `bench/results.json`, and what the documentation has of
 * it. `--documents` only makes that documentation anew.
 */
const started = performance.now();
const options = ["--write", "--documents"];
const given = process.argv.slice(2);
const wanted = given.filter((name) => !options.includes(name));
const known = [...Object.keys(subjects), ...Object.keys(longSubjects)];
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) throw new Error(`unknown: ${unknown.join(", ")}; there is ${known.join(", ")}`);
if (given.includes("--documents")) {
  await writeDocuments();
  process.exit();
}
if (given.includes("--write") && wanted.length > 0)
  throw new Error("only a whole run is written: leave out the subjects");

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
const short = rows.filter(isShort);
console.log(
  missed.length === 0 ? "every budget is met" : `${missed.length} of ${rows.length} budgets missed`,
);
if (short.length > 0) console.log(`${short.length} of ${rows.length} rows are short of their goal`);
if (given.includes("--write")) {
  await writeResults(machine, rows);
  await writeDocuments();
}
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

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
