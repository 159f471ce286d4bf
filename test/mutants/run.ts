/**
 * Takes the guards of the fifteen rules out, one at a time, and runs the tests that must notice. Fails when
 * a guard can go unnoticed, when a patch no longer applies, or when a rule has no mutant.
 *
 *   npm run test:mutants [-- name ...]
 */
import { readFileSync } from "node:fs";
import { mutants } from "./list.js";
import type { Mutant } from "./mutant.js";
import { sourceOf } from "./plugin.js";
import { testRunner, type TestRunner } from "./test-runner.js";

const chosen = process.argv.slice(2);
const list = chosen.length === 0 ? mutants : mutants.filter(({ name }) => chosen.includes(name));
const problems: string[] = [];

for (const rule of chosen.length > 0 ? [] : Array.from({ length: 15 }, (_, n) => n + 1)) {
  if (!mutants.some((mutant) => mutant.rule === rule)) problems.push(`rule ${rule} has no mutant`);
}

const started = Date.now();
const queue = [...list];
let killed = 0;
// Both end at the end: they share the environment, and with it the certificate of whoever started last.
const runners = await Promise.all([testRunner(), testRunner()]);
await Promise.all(runners.map(work));
for (const runner of runners) await runner.close();

for (const problem of problems) console.error(`FAILED  ${problem}`);
console.log(`${killed} of ${list.length} mutants killed in ${Math.round((Date.now() - started) / 1000)} s`);
process.exitCode = problems.length === 0 ? 0 : 1;

async function work(tests: TestRunner): Promise<void> {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const began = Date.now();
    const problem = applies(mutant) ?? (await survives(mutant, tests));
    if (problem === undefined) killed += 1;
    else problems.push(`rule ${mutant.rule} ${mutant.name}: ${problem}`);
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    console.log(
      `${problem === undefined ? "killed  " : "SURVIVED"} ${seconds} s  rule ${mutant.rule}  ${mutant.name}`,
    );
  }
}

function applies(mutant: Mutant): string | undefined {
  const times = readFileSync(sourceOf(mutant), "utf8").split(mutant.find).length - 1;
  return times === 1
    ? undefined
    : `the patch no longer applies: its text stands ${times} times in ${mutant.file}`;
}

async function survives(mutant: Mutant, tests: TestRunner): Promise<string | undefined> {
  const { failed, passed, problem } = await tests.run(mutant);
  // A failure to start is not a kill: some test must have run and failed.
  if (failed > 0) return undefined;
  if (problem !== undefined) return `no test failed, the run did:\n${problem.slice(-2000)}`;
  return passed > 0 ? `survived ${mutant.tests.join(", ")}` : `no test ran in ${mutant.tests.join(", ")}`;
}
