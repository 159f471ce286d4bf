/**
 * Takes the guards of the fifteen rules out, one at a time, and runs the tests that must notice. Fails when
 * a guard can go unnoticed, when a patch no longer applies, or when a rule has no mutant.
 *
 *   npm run test:mutants [-- name ...]
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { mutants } from "./list.js";
import type { Mutant } from "./mutant.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const chosen = process.argv.slice(2);
const list = chosen.length === 0 ? mutants : mutants.filter(({ name }) => chosen.includes(name));
const problems: string[] = [];

for (const rule of chosen.length > 0 ? [] : Array.from({ length: 15 }, (_, n) => n + 1)) {
  if (!mutants.some((mutant) => mutant.rule === rule)) problems.push(`rule ${rule} has no mutant`);
}

const started = Date.now();
const queue = [...list];
let killed = 0;
await Promise.all([work(), work()]);

for (const problem of problems) console.error(`FAILED  ${problem}`);
console.log(`${killed} of ${list.length} mutants killed in ${Math.round((Date.now() - started) / 1000)} s`);
process.exitCode = problems.length === 0 ? 0 : 1;

async function work(): Promise<void> {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const problem = applies(mutant) ?? (await survives(mutant));
    if (problem === undefined) killed += 1;
    else problems.push(`rule ${mutant.rule} ${mutant.name}: ${problem}`);
    console.log(`${problem === undefined ? "killed  " : "SURVIVED"} rule ${mutant.rule}  ${mutant.name}`);
  }
}

function applies(mutant: Mutant): string | undefined {
  const times = readFileSync(`${root}/${mutant.file}`, "utf8").split(mutant.find).length - 1;
  return times === 1
    ? undefined
    : `the patch no longer applies: its text stands ${times} times in ${mutant.file}`;
}

async function survives(mutant: Mutant): Promise<string | undefined> {
  const { code, output } = await vitest(mutant);
  if (code === 0) return `survived ${mutant.tests.join(", ")}`;
  // A failure to start is not a kill: some test must have run and failed.
  return /Tests .*\d+ failed/.test(output)
    ? undefined
    : `no test failed, the run did:\n${output.slice(-2000)}`;
}

function vitest(mutant: Mutant): Promise<{ code: number; output: string }> {
  const args = ["run", "-c", "test/vitest.config.ts", "--bail", "1", "--no-color", ...mutant.tests];
  const child = spawn(process.execPath, [`${root}/node_modules/vitest/vitest.mjs`, ...args], {
    cwd: root,
    env: { ...process.env, MUTANT: mutant.name, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  child.stderr.on("data", (chunk) => (output += String(chunk)));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code: code ?? 1, output })));
}
