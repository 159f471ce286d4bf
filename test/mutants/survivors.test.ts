import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Anchor } from "./anchor.js";
import { mutants } from "./list.js";
import { readNoticedBy } from "./noticed-by.js";
import { survivors } from "./survivors.js";
import type { Outcome, TestRunner } from "./test-runner.js";

const mutant = mutants[0] as (typeof mutants)[number];
const by = readNoticedBy()[mutant.name] as { file: string; test: string };
const anchor: Anchor = { path: "guard.ts", patched: "" };
const process = {};
const fails = { failed: [by], passed: [], process };
const passes = { failed: [], passed: [by], process };

let said: string[];
beforeEach(() => {
  said = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => said.push(line));
});
afterEach(() => void vi.restoreAllMocks());

/** What is said of one mutant whose test answers so: in the process that is kept, there with the guard, and alone. */
async function problems(kept: Outcome, control: Outcome, alone: Outcome): Promise<string[]> {
  const runner: TestRunner = {
    run: async (one) => (one === undefined ? control : kept),
    runAlone: async () => alone,
    forget: async () => undefined,
    close: async () => undefined,
  };
  return survivors(new Map([[mutant, anchor]]), { learn: false, newRunner: async () => runner });
}

it("believes a kill when the test passes in the same process with the guard", async () => {
  expect(await problems(fails, passes, passes)).toEqual([]);
  expect(said).toHaveLength(1);
});

it.each([
  ["fails there with the guard, too", fails],
  ["does not run there again", { ...passes, passed: [] }],
  ["runs in another process, because the first one ended", { ...passes, process: {} }],
])("asks a new process when the test %s", async (_, control) => {
  expect(await problems(fails, control, passes)).toEqual([
    `rule ${mutant.rule} ${mutant.name}: survived ${mutant.tests.join(", ")}`,
  ]);
  expect(await problems(fails, control, fails)).toEqual([]);
  expect(said.at(-1)).toContain("(in a new process)");
});

it("says that a mutant survived only after a new process did", async () => {
  expect(await problems(passes, passes, fails)).toEqual([]);
  expect(await problems(passes, passes, passes)).toHaveLength(1);
});
