/**
 * `npm run test:foreign`: us against software that nobody here wrote. With `-- openai-python mcp` some of it, by
 * the names in `counterparts.ts`. One line for each counterpart, and what went wrong under it.
 */
import { killAllChildren } from "./children.js";
import type { Counterpart } from "./counterpart.js";
import { counterparts } from "./counterparts.js";
import { environments } from "./environments/environments.js";
import { play, type Outcome } from "./play.js";

/** Half of the time of most counterparts is waiting. */
const atOnce = 2;

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !counterparts.some((counterpart) => counterpart.name === name));
if (unknown.length > 0) {
  console.error(
    `No counterpart is called ${unknown.join(", ")}. There are: ${counterparts.map(({ name }) => name).join(", ")}.`,
  );
  process.exit(2);
}
process.once("exit", killAllChildren);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));

const queue: Counterpart[] = counterparts.filter(({ name }) => chosen.length === 0 || chosen.includes(name));
const outcomes: Outcome[] = [];
await Promise.all(Array.from({ length: atOnce }, work));
const all = outcomes.flatMap(({ checks }) => checks);
const failed = all.filter(({ problem }) => problem !== undefined).length;
console.log(`\n${all.length - failed} passed, ${failed} failed`);
// What a client has left open must not keep the process.
process.exit(failed === 0 ? 0 : 1);

async function work(): Promise<void> {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const outcome = await play(next, environments);
    outcomes.push(outcome);
    print(outcome);
  }
}

function print({ name, versions, checks, notes, seconds }: Outcome): void {
  const bad = checks.filter(({ problem }) => problem !== undefined);
  const count =
    bad.length === 0 ? `${checks.length} checks` : `${bad.length} of ${checks.length} checks failed`;
  console.log(
    `${bad.length === 0 ? "passed" : "FAILED"}  ${name.padEnd(24)}  ${count.padEnd(24)}  ${seconds.toFixed(1).padStart(5)} s  ${versions}`,
  );
  for (const note of notes) console.log(`        ${note}`);
  for (const { name: check, problem = "" } of bad)
    console.log(`        ${check}: ${problem.trim().replaceAll("\n", "\n          ")}`);
}
