import { availableParallelism } from "node:os";
import type { Anchor } from "./anchor.js";
import { mutants } from "./list.js";
import type { Mutant } from "./mutant.js";
import { readNoticedBy, writeNoticedBy, type NoticedBy } from "./noticed-by.js";
import { needsNewerNode, testRunner, type Outcome, type TestRunner } from "./test-runner.js";

/** Runs the tests of each mutant, and says of those that no test noticed what happened instead. */
export async function survivors(
  anchors: ReadonlyMap<Mutant, Anchor>,
  { learn }: { readonly learn: boolean },
): Promise<string[]> {
  const problems: string[] = [];
  const noticedBy = readNoticedBy();
  const queue = inGroups([...anchors]);
  // Tests also wait, and a mutant that makes one hang waits for its timeout: so two runners more than cores.
  const runners = await Promise.all(
    Array.from({ length: Math.min(queue.length, availableParallelism() + 2) }, () => testRunner({ learn })),
  );
  await Promise.all(runners.map(work));
  // All end at the end: they share the environment, and with it the certificate of whoever started last.
  for (const runner of runners) await runner.close();
  return problems;

  async function work(runner: TestRunner): Promise<void> {
    for (let group = queue.shift(); group !== undefined; group = queue.shift()) {
      for (const [mutant, anchor] of group) {
        const began = Date.now();
        const problem = await (learn
          ? learned(mutant, anchor, runner, noticedBy)
          : survives(mutant, anchor, runner, noticedBy[mutant.name]));
        if (problem !== undefined) problems.push(`rule ${mutant.rule} ${mutant.name}: ${problem}`);
        const seconds = ((Date.now() - began) / 1000).toFixed(1);
        const verdict = problem === undefined ? "killed  " : "SURVIVED";
        console.log(`${verdict} ${seconds} s  rule ${mutant.rule}  ${mutant.name}`);
      }
    }
  }
}

async function survives(
  mutant: Mutant,
  anchor: Anchor,
  runner: TestRunner,
  first: NoticedBy[string] | undefined,
): Promise<string | undefined> {
  if (first !== undefined && mutant.tests.includes(first.file)) {
    const { failed } = await runner.run(anchor, [first]);
    if (failed.length > 0) return undefined;
  }
  return problemOf(await runner.run(anchor, wholeFiles(mutant)), mutant);
}

/** As `survives`, and keeps the test that noticed soonest of those that do so when they run alone. */
async function learned(
  mutant: Mutant,
  anchor: Anchor,
  runner: TestRunner,
  noticedBy: NoticedBy,
): Promise<string | undefined> {
  delete noticedBy[mutant.name];
  const outcome = await runner.run(anchor, wholeFiles(mutant));
  for (const notice of outcome.failed.slice(0, 3)) {
    if ((await runner.run(anchor, [notice])).failed.length === 0) continue;
    noticedBy[mutant.name] = notice;
    break;
  }
  // At once, so that an interrupted run has learned something.
  writeNoticedBy(noticedBy, mutants);
  return problemOf(outcome, mutant);
}

const wholeFiles = ({ tests }: Mutant) => tests.map((file) => ({ file }));

function problemOf({ failed, passed, problem }: Outcome, mutant: Mutant): string | undefined {
  // A failure to start is not a kill: some test must have run and failed.
  if (failed.length > 0) return undefined;
  if (problem !== undefined) return `no test failed, the run did:\n${problem.slice(-2000)}`;
  const tests = mutant.tests.join(", ");
  return passed > 0 ? `survived ${tests}` : `no test ran in ${tests}`;
}

/**
 * By their tests, so that a runner transforms what it has transformed before, and only one of them has to start
 * tests on a newer Node; the longest group first.
 */
function inGroups(all: readonly (readonly [Mutant, Anchor])[]): (readonly [Mutant, Anchor])[][] {
  const groups = new Map<string, (readonly [Mutant, Anchor])[]>();
  for (const one of all) {
    const { tests } = one[0];
    const key = tests.some(needsNewerNode) ? "a newer Node" : tests.join();
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].sort((a, b) => b.length - a.length);
}
