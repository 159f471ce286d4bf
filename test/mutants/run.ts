/**
 * Takes the guards of the rules in docs/security.md out, one at a time, and runs the tests that must notice.
 * Fails when a guard can go unnoticed, when a mutant no longer applies, or when a rule has no mutant.
 *
 *   npm run test:mutants [-- name ...]
 *   npm run test:mutants -- --resolve           only checks that every mutant still applies; takes seconds
 *   npm run test:mutants -- --learn [name ...]  also writes down which test noticed, to run it first from now on
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { anchorOf, type Anchor } from "./anchor.js";
import { mutants } from "./list.js";
import type { Mutant } from "./mutant.js";
import { readSourceTree } from "./source-tree.js";

const started = Date.now();
const { values: options, positionals: names } = parseArgs({
  options: { resolve: { type: "boolean" }, learn: { type: "boolean" } },
  allowPositionals: true,
});
const list = names.length === 0 ? mutants : mutants.filter(({ name }) => names.includes(name));
const problems = names
  .filter((name) => !list.some((mutant) => mutant.name === name))
  .map((name) => `${name} is no mutant`);

for (let rule = 1; names.length === 0 && rule <= 20; rule += 1) {
  if (!mutants.some((mutant) => mutant.rule === rule)) problems.push(`rule ${rule} has no mutant`);
}

const sources = readSourceTree(fileURLToPath(new URL("../../src", import.meta.url)));
const anchors = new Map<Mutant, Anchor>();
for (const mutant of list) {
  const anchor = anchorOf(mutant, sources);
  if ("stale" in anchor) problems.push(`${mutant.name} no longer applies: ${anchor.stale}`);
  else anchors.set(mutant, anchor);
}

let count = anchors.size;
if (options.resolve !== true) {
  // Loads Vitest, which takes longer than everything above.
  const { survivors } = await import("./survivors.js");
  const survived = await survivors(anchors, { learn: options.learn === true });
  problems.push(...survived);
  count -= survived.length;
}

for (const problem of problems) console.error(`FAILED  ${problem}`);
const verb = options.resolve === true ? "apply" : "killed";
console.log(`${count} of ${list.length} mutants ${verb} in ${Math.round((Date.now() - started) / 1000)} s`);
process.exitCode = problems.length === 0 ? 0 : 1;
