import type { Reporter, TestModule } from "vitest/node";

/** Ends the run with one plain line, for whoever reads logs with other tools than ours. */
export class PlainSummary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    let passed = 0;
    let skipped = 0;
    let failed = errors.length;
    const flaky: string[] = [];
    for (const module of modules) {
      // A file that could not even be loaded has no tests to count, and is a failure all the same.
      if (module.state() === "failed" && module.children.size === 0) failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") passed += 1;
        else if (state === "failed") failed += 1;
        else skipped += 1;
        if (test.diagnostic()?.flaky === true) flaky.push(`${module.relativeModuleId} > ${test.fullName}`);
      }
    }
    // It passed, but somebody has to look at it.
    for (const name of flaky) console.log(`\nOnly at the second try: ${name}`);
    const more = [
      flaky.length && `${flaky.length} at the second try`,
      skipped && `${skipped} skipped`,
    ].filter(Boolean);
    console.log(`\n${[`${passed} passed`, `${failed} failed`, ...more].join(", ")}`);
    // Nothing is skipped in silence: a skipped test fails the run.
    if (skipped > 0) process.exitCode = 1;
  }
}
