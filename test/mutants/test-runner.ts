import { fileURLToPath } from "node:url";
import { createVitest, type TestSpecification } from "vitest/node";
import type { Mutant } from "./mutant.js";
import { mutantPlugin, sourceOf } from "./plugin.js";

/** Runs tests on source of which one guard is missing. */
export interface TestRunner {
  /** What the tests said; they stop at the first that fails. */
  run(
    mutant: Mutant,
  ): Promise<{ readonly failed: number; readonly passed: number; readonly problem?: string }>;
  close(): Promise<void>;
}

/**
 * One server for many mutants: what none of them changes is transformed once. The tests of each run in a new
 * process, so nothing of a mutant outlives it.
 */
export async function testRunner(): Promise<TestRunner> {
  let current: Mutant | undefined;
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const vitest = await createVitest(
    "test",
    {
      root,
      config: "test/vitest.config.ts",
      watch: false,
      bail: 1,
      reporters: [{}],
      maxWorkers: 1,
      // Without its deadline a thing hangs: that takes as long as we look on.
      testTimeout: 8_000,
    },
    { plugins: [mutantPlugin(() => current)] },
  );
  const problemsOf = (specifications: readonly TestSpecification[], mutant: Mutant): string | undefined =>
    mutant.tests
      .filter((test) => !specifications.some(({ moduleId }) => moduleId.endsWith(`/${test}`)))
      .map((test) => `${test} is no test file`)[0];

  return {
    async run(mutant) {
      const before = current;
      current = mutant;
      for (const one of before === undefined ? [mutant] : [before, mutant])
        vitest.invalidateFile(sourceOf(one));
      const specifications = await vitest.globTestSpecifications([...mutant.tests]);
      const missing = problemsOf(specifications, mutant);
      if (missing !== undefined) return { failed: 0, passed: 0, problem: missing };
      const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
      const states = testModules.flatMap(({ children }) =>
        Array.from(children.allTests(), (test) => test.result().state),
      );
      const errors = [...testModules.flatMap((module) => module.errors()), ...unhandledErrors];
      return {
        failed: states.filter((state) => state === "failed").length,
        passed: states.filter((state) => state === "passed").length,
        ...(errors.length > 0 && {
          problem: errors.map((error) => String((error as Error).message)).join("\n"),
        }),
      };
    },
    close: () => vitest.close(),
  };
}
