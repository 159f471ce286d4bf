import { fileURLToPath } from "node:url";
import { basename } from "node:path";
import { createVitest, type TestCase, type TestSpecification, type Vitest } from "vitest/node";
import type { Anchor } from "./anchor.js";
import { firstCounterexamplePlugin, mutantPlugin } from "./plugin.js";

/** Runs tests on source of which one guard is missing. */
export interface TestRunner {
  run(anchor: Anchor, tests: readonly Selection[]): Promise<Outcome>;
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
  readonly passed: number;
  readonly problem?: string;
}

/**
 * One server for many mutants: what none of them changes is transformed once. The tests of each run in a new
 * process, so nothing of a mutant outlives it.
 */
export async function testRunner({ learn }: { readonly learn: boolean }): Promise<TestRunner> {
  let current: Anchor | undefined;
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const start = (onNewerNode: boolean): Promise<Vitest> =>
    createVitest(
      "test",
      {
        root,
        config: onNewerNode ? "test/newer-node.config.ts" : "test/vitest.config.ts",
        watch: false,
        bail: learn ? 0 : 1,
        reporters: [{}],
        maxWorkers: 1,
        // Without its deadline a thing hangs: that takes as long as we look on.
        testTimeout: 8_000,
        // A pool whose connection a mutant keeps never closes.
        hookTimeout: 8_000,
      },
      { plugins: [mutantPlugin(() => current), firstCounterexamplePlugin()] },
    );
  const usual = await start(false);
  let newer: Vitest | undefined;

  return {
    async run(anchor, tests) {
      const onNewerNode = tests.some(({ file }) => needsNewerNode(file));
      const vitest = onNewerNode ? (newer ??= await start(true)) : usual;
      for (const server of [usual, newer])
        for (const one of [current, anchor]) if (one !== undefined) server?.invalidateFile(one.path);
      current = anchor;
      const found = await vitest.globTestSpecifications(tests.map(({ file }) => file));
      const specifications: TestSpecification[] = [];
      for (const { file, test } of tests) {
        const one = found.find(({ moduleId }) => moduleId === root + file);
        if (one === undefined) return { failed: [], passed: 0, problem: `${file} is no test file` };
        specifications.push(
          one.project.createSpecification(
            one.moduleId,
            test === undefined ? {} : { testNamePattern: exactly(test) },
          ),
        );
      }
      const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
      // Vitest answers with the files of earlier runs too. A failure of theirs would count as a kill.
      const modules = testModules.filter((module) =>
        specifications.some(({ moduleId }) => moduleId === module.moduleId),
      );
      const cases = modules.flatMap(({ children }) => Array.from(children.allTests()));
      const errors = [...modules.flatMap((module) => module.errors()), ...unhandledErrors];
      return {
        failed: cases
          .filter((test) => test.result().state === "failed")
          .toSorted((one, other) => durationOf(one) - durationOf(other))
          .map((test) => ({ file: test.module.moduleId.slice(root.length), test: fullName(test) })),
        passed: cases.filter((test) => test.result().state === "passed").length,
        ...(errors.length > 0 && {
          problem: errors.map((error) => String((error as Error).message)).join("\n"),
        }),
      };
    },
    async close() {
      await usual.close();
      await newer?.close();
    },
  };
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

function exactly(name: string): RegExp {
  return new RegExp(`^${name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}$`, "s");
}
