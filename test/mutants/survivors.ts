import { availableParallelism } from "node:os";
import type { Anchor } from "./anchor.js";
import { mutants } from "./list.js";
import type { Mutant } from "./mutant.js";
import { readNoticedBy, writeNoticedBy, type NoticedBy } from "./noticed-by.js";
import { needsNewerNode, testRunner, type Outcome, type Selection, type TestRunner } from "./test-runner.js";

/** A kill that is believed when its test passes in the same process once the guard is back. */
interface Kill {
  readonly mutant: Mutant;
  readonly anchor: Anchor;
  readonly by: Required<Selection>;
  /** Unless it had one of its own. */
  readonly process?: object;
}

/** How many runs a process is kept for. */
const keptFor = 50;

/** Runs the tests of each mutant, and says of those that no test noticed what happened instead. */
export async function survivors(
  anchors: ReadonlyMap<Mutant, Anchor>,
  { learn, newRunner = testRunner }: { readonly learn: boolean; readonly newRunner?: typeof testRunner },
): Promise<string[]> {
  const problems: string[] = [];
  const noticedBy = readNoticedBy();
  const queue = inGroups([...anchors]);
  // Tests also wait, and a mutant that makes one hang waits for its timeout: so two runners more than cores.
  const runners = await Promise.all(
    Array.from({ length: Math.min(queue.length, availableParallelism() + 2) }, () => newRunner({ learn })),
  );
  await Promise.all(runners.map(work));
  // All end at the end: they share the environment, and with it the certificate of whoever started last.
  for (const runner of runners) await runner.close();
  return problems;

  async function work(runner: TestRunner): Promise<void> {
    let kills: Kill[] = [];
    for (let group = queue.shift(); group !== undefined; group = queue.shift()) {
      for (const [mutant, anchor] of group) {
        const began = Date.now();
        const first = noticedBy[mutant.name];
        const kill = learn ? undefined : await killed(mutant, anchor, runner, first);
        if (kill?.process !== undefined) kills.push(kill);
        const problem =
          kill !== undefined
            ? undefined
            : learn
              ? await learned(mutant, anchor, runner, noticedBy)
              : problemOf(await runner.runAlone(anchor, wholeFiles(mutant)), mutant);
        report(mutant, problem, began);
        if (kills.length === keptFor) kills = await believe(kills, runner);
      }
    }
    await believe(kills, runner);
  }

  /** What an earlier mutant has left behind in the process may fail a test, too: those run again in one of their own. */
  async function believe(kills: readonly Kill[], runner: TestRunner): Promise<[]> {
    const doubtful = new Set(kills);
    for (const process of new Set(kills.map((kill) => kill.process))) {
      const inProcess = kills.filter((kill) => kill.process === process);
      const control = await runner.run(
        undefined,
        inProcess.map(({ by }) => by),
      );
      for (const kill of inProcess)
        if (control.process === process && control.passed.some((test) => isSame(test, kill.by)))
          doubtful.delete(kill);
    }
    await runner.forget();
    for (const { mutant, anchor, by } of doubtful) {
      const began = Date.now();
      const { failed } = await runner.runAlone(anchor, [by]);
      const problem =
        failed.length > 0 ? undefined : problemOf(await runner.runAlone(anchor, wholeFiles(mutant)), mutant);
      report(mutant, problem, began, "(in a new process)");
    }
    return [];
  }

  function report(mutant: Mutant, problem: string | undefined, began: number, note = ""): void {
    if (problem !== undefined) problems.push(`rule ${mutant.rule} ${mutant.name}: ${problem}`);
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    const verdict = problem === undefined ? "killed  " : "SURVIVED";
    console.log(`${verdict} ${seconds} s  rule ${mutant.rule}  ${mutant.name}  ${note}`.trimEnd());
  }
}

const isSame = (one: Required<Selection>, other: Required<Selection>): boolean =>
  one.file === other.file && one.test === other.test;

/** Whether the test that noticed last time does so again. */
async function killed(
  mutant: Mutant,
  anchor: Anchor,
  runner: TestRunner,
  by: NoticedBy[string] | undefined,
): Promise<Kill | undefined> {
  if (by === undefined || !mutant.tests.includes(by.file)) return undefined;
  const { failed, process } = await runner.run(anchor, [by]);
  if (failed.length === 0) return undefined;
  return { mutant, anchor, by, ...(process !== undefined && { process }) };
}

/** Keeps the test that noticed soonest of those that do so when they run alone. */
async function learned(
  mutant: Mutant,
  anchor: Anchor,
  runner: TestRunner,
  noticedBy: NoticedBy,
): Promise<string | undefined> {
  delete noticedBy[mutant.name];
  const outcome = await runner.runAlone(anchor, wholeFiles(mutant));
  for (const notice of outcome.failed.slice(0, 3)) {
    if ((await runner.runAlone(anchor, [notice])).failed.length === 0) continue;
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
  return passed.length > 0 ? `survived ${tests}` : `no test ran in ${tests}`;
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
