import type { Branch } from "./engine/instrument.js";
import { fuzz, mostMs, type FuzzResult } from "./engine/fuzz.js";
import { watchdog } from "./engine/watchdog.js";
import type { FuzzTarget } from "./target.js";

/** What the command line asks for. */
export interface FuzzRun {
  readonly seed: number;
  readonly runs: number;
  /** Parts of names; none: every target. */
  readonly only: readonly string[];
  readonly isBlind: boolean;
  /** The number of an input to print before it runs. */
  readonly print: number;
  /** Name every branch that was not reached. */
  readonly showMissed: boolean;
  readonly branches: readonly Branch[];
  readonly words: ReadonlyMap<string, readonly string[]>;
  readonly counters: Uint8Array;
}

/** So much of a parser has to be reached. */
const leastCovered = 95;

/** Fuzzes the targets one after the other, prints a table and tells whether everything is well. */
export async function fuzzAll(targets: readonly FuzzTarget[], run: FuzzRun): Promise<boolean> {
  const { seed, runs, only, branches, words, counters } = run;
  const chosen = targets.filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)));
  if (chosen.length === 0) throw new Error(`There is no target called ${only.join(" or ")}.`);
  const again = (name: string): string =>
    `npm run test:fuzz -- --seed ${seed} --runs ${runs} --only "${name}"`;
  const dog = watchdog(again);
  Error.stackTraceLimit = 4;
  console.log(`seed ${seed}, ${runs} inputs a parser`);
  console.log(line(["parser", "inputs", "corpus", "slowest ms", "branches", "cpu s"]));
  const atStart = counters.slice();
  let isWell = true;
  for (const target of chosen) {
    dog.watch(target.name);
    const strayed: unknown[] = [];
    const stray = (error: unknown): void => void strayed.push(error);
    process.on("unhandledRejection", stray);
    process.on("uncaughtException", stray);
    const before = process.cpuUsage();
    const inputs = Math.max(target.seeds.length, Math.ceil(runs / (target.cost ?? 1)));
    const result = await fuzz(target, {
      seed,
      runs: inputs,
      counters,
      branches,
      atStart,
      words: [...new Set(target.files.flatMap((file) => words.get(file.split("#")[0] ?? "") ?? []))],
      isBlind: run.isBlind,
      print: run.print,
      beat: dog.beat,
    });
    await new Promise((done) => setImmediate(done));
    process.off("unhandledRejection", stray);
    process.off("uncaughtException", stray);
    const { user, system } = process.cpuUsage(before);
    const seconds = ((user + system) / 1e6).toFixed(1);
    const { percent, missed, stale } = reachedOf(target, result);
    const slowest = result.slowestMs.toFixed(1);
    console.log(
      line([target.name, String(inputs), String(result.corpus), slowest, `${percent.toFixed(1)} %`, seconds]),
    );
    const complaints = [
      ...result.findings.map(
        ({ what, detail, input, index }) =>
          `${what}: ${detail}\n    input ${index}: ${JSON.stringify(input)?.slice(0, 600)}\n    again: ${again(target.name)}`,
      ),
      ...strayed.slice(0, 3).map((error) => `a rejection nobody handled: ${String(error)}`),
      ...(percent >= leastCovered ? [] : [`fewer than ${leastCovered} % of the branches were reached`]),
      ...stale.map((why) => `an exception that is none any more: ${why}`),
    ];
    for (const complaint of complaints) console.log(`  ! ${complaint}`);
    if (run.showMissed || percent < leastCovered) {
      for (const { file, line: at, text } of run.showMissed ? missed : missed.slice(0, 20))
        console.log(`    not reached: ${file}:${at} ${text}`);
    }
    isWell &&= complaints.length === 0;
  }
  await dog.end();
  console.log(
    isWell
      ? `Every input ended within ${mostMs} ms in a value or a refusal that tells nothing.`
      : "Not well.",
  );
  return isWell;
}

function reachedOf(
  { unreachable = [] }: FuzzTarget,
  { coverage }: FuzzResult,
): { readonly percent: number; readonly missed: readonly Branch[]; readonly stale: readonly string[] } {
  const used = new Set<unknown>();
  const counted = coverage.filter(({ branch, reached }) => {
    const exception = unreachable.find(
      ({ file, line: text }) => branch.file === file && branch.text.includes(text),
    );
    if (exception === undefined || reached) return true;
    used.add(exception);
    return false;
  });
  const missed = counted.filter(({ reached }) => !reached).map(({ branch }) => branch);
  return {
    percent: (100 * (counted.length - missed.length)) / counted.length,
    missed,
    stale: unreachable.filter((one) => !used.has(one)).map(({ file, line: text }) => `${file} ${text}`),
  };
}

const widths = [34, 9, 8, 12, 10, 9];

function line(cells: readonly string[]): string {
  return cells
    .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
    .join("");
}
