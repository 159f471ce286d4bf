import { fileURLToPath } from "node:url";
import { basename } from "node:path";
import {
  createVitest,
  ForksPoolWorker,
  type TestCase,
  type TestModule,
  type TestSpecification,
  type Vitest,
} from "vitest/node";
import { NewerNodeWorker } from "../node24/pool.js";
import { unshared } from "../suite.config.js";
import type { Anchor } from "./anchor.js";
import { KeptProcess } from "./kept-process.js";
import { firstCounterexamplePlugin, mutantPlugin } from "./plugin.js";

/** Runs tests on source of which one guard is missing. */
export interface TestRunner {
  /** In a new process. */
  runAlone(anchor: Anchor, tests: readonly Selection[]): Promise<Outcome>;
  /** In the process that is kept, unless the test file needs one of its own. Without an anchor, no guard is missing. */
  run(anchor: Anchor | undefined, tests: readonly Selection[]): Promise<Outcome>;
  /** The next run has a new process. */
  forget(): Promise<void>;
  close(): Promise<void>;
}

/** What to run of a test file: all, or one test. */
export interface Selection {
  readonly file: string;
  /** Its full name, with those of the suites around it. */
  readonly test?: string;
}

/** What the tests said. Unless they are being learned from, they stop at the first that fails. */
export interface Outcome {
  /** Those first that ended soonest. */
  readonly failed: readonly Required<Selection>[];
  readonly passed: readonly Required<Selection>[];
  /** Stands for the process, if that is kept. */
  readonly process?: object;
  readonly problem?: string;
}

/**
 * One server for many mutants: what none of them changes is transformed once. Our modules are evaluated anew for each
 * mutant. What else one may leave behind in a process that is kept, `survivors.ts` finds out.
 */
export async function testRunner({ learn }: { readonly learn: boolean }): Promise<TestRunner> {
  let current: Anchor | undefined;
  const usual = await startServer("test/vitest.config.ts", ForksPoolWorker);
  let newer: Server | undefined;

  // Without its deadline a thing hangs, and a pool whose connection a mutant keeps never closes: that takes as long as
  // we look on.
  const inOwnProcess = { bail: learn ? 0 : 1, testTimeout: 8_000, hookTimeout: 8_000 };
  // Here one test runs, or all should say whether they pass. One that needs longer runs again in a process of its own.
  const inKept = { bail: 0, testTimeout: 4_000, hookTimeout: 4_000 };

  return {
    run: (anchor, tests) => run(anchor, tests, tests.some(needsOwnProcess)),
    runAlone: (anchor, tests) => run(anchor, tests, true),
    async forget() {
      for (const server of [usual, newer]) await server?.kept.end();
    },
    async close() {
      for (const server of [usual, newer]) {
        await server?.kept.end();
        await server?.vitest.close();
      }
    },
  };

  async function run(
    anchor: Anchor | undefined,
    tests: readonly Selection[],
    isAlone: boolean,
  ): Promise<Outcome> {
    const { vitest, kept } = tests.some(({ file }) => needsNewerNode(file))
      ? (newer ??= await startServer("test/newer-node.config.ts", NewerNodeWorker))
      : usual;
    for (const server of [usual, newer])
      for (const one of [current, anchor]) {
        if (one === undefined) continue;
        server?.vitest.invalidateFile(one.path);
        server?.kept.invalidate(one.path);
      }
    current = anchor;
    const specifications = await specificationsOf(tests, vitest);
    if (typeof specifications === "string") return { failed: [], passed: [], problem: specifications };
    // Vitest answers with the files of earlier runs too. A failure of theirs would count as a kill.
    for (const { project, moduleId } of specifications) vitest.state.clearFiles(project, [moduleId]);
    kept.alone = isAlone;
    for (const { project } of specifications) Object.assign(project.config, isAlone ? inOwnProcess : inKept);
    const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
    const modules = testModules.filter((module) =>
      specifications.some(({ moduleId }) => moduleId === module.moduleId),
    );
    const errors = [...modules.flatMap((module) => module.errors()), ...unhandledErrors];
    return {
      failed: inState("failed", modules),
      passed: inState("passed", modules),
      ...(!isAlone && kept.current !== undefined && { process: kept.current }),
      ...(errors.length > 0 && {
        problem: errors.map((error) => String((error as Error).message)).join("\n"),
      }),
    };
  }

  async function startServer(config: string, Worker: typeof ForksPoolWorker): Promise<Server> {
    const kept = new KeptProcess("kept", (options) => new Worker(options));
    const vitest = await createVitest(
      "test",
      {
        root,
        config,
        watch: false,
        reporters: [{}],
        maxWorkers: 1,
      },
      { plugins: [mutantPlugin(() => current), firstCounterexamplePlugin()], test: { pool: kept.pool } },
    );
    return { vitest, kept };
  }
}

interface Server {
  readonly vitest: Vitest;
  readonly kept: KeptProcess;
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** One for each file; or what is wrong with the list. */
async function specificationsOf(
  tests: readonly Selection[],
  vitest: Vitest,
): Promise<TestSpecification[] | string> {
  const files = [...new Set(tests.map(({ file }) => file))];
  const found = await vitest.globTestSpecifications(files);
  const specifications: TestSpecification[] = [];
  for (const file of files) {
    const one = found.find(({ moduleId }) => moduleId === root + file);
    if (one === undefined) return `${file} is no test file`;
    const names = tests.filter((test) => test.file === file).map(({ test }) => test);
    const some = names.filter((name) => name !== undefined);
    const options = some.length < names.length ? {} : { testNamePattern: oneOf(some) };
    specifications.push(one.project.createSpecification(one.moduleId, options));
  }
  return specifications;
}

/** Those that ended soonest first. */
function inState(state: "failed" | "passed", modules: readonly TestModule[]): Required<Selection>[] {
  return modules
    .flatMap(({ children }) => [...children.allTests(state)])
    .toSorted((one, other) => durationOf(one) - durationOf(other))
    .map((test) => ({ file: test.module.moduleId.slice(root.length), test: fullName(test) }));
}

/** Whether a test file may share no process, as `suite.config.ts` says. */
function needsOwnProcess({ file }: Selection): boolean {
  return unshared.includes(basename(file, ".test.ts"));
}

/** Whether a test file runs on a Node that has `node:sqlite`, as `newer-node.config.ts` says. */
export function needsNewerNode(file: string): boolean {
  return /^(?:sqlite|store-faults)/.test(basename(file));
}

function durationOf(test: TestCase): number {
  return test.diagnostic()?.duration ?? 0;
}

/** As Vitest compares it with a pattern. */
function fullName(test: TestCase): string {
  const names = [test.name];
  for (let { parent } = test; parent.type === "suite"; { parent } = parent) names.unshift(parent.name);
  return names.join(" ");
}

function oneOf(names: readonly string[]): RegExp {
  const escaped = names.map((name) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^(?:${escaped.join("|")})$`, "s");
}
