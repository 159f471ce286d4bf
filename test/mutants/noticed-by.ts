import { readFileSync, writeFileSync } from "node:fs";
import type { Mutant } from "./mutant.js";
import type { Selection } from "./test-runner.js";

/**
 * The test that noticed each mutant last time: it runs first, and alone. This only saves time. If it is gone
 * or passes, all of the mutant's tests run.
 */
export type NoticedBy = Record<string, Required<Selection>>;

const file = new URL("noticed-by.json", import.meta.url);

export function readNoticedBy(): NoticedBy {
  return JSON.parse(readFileSync(file, "utf8")) as NoticedBy;
}

/** Keeps the order of the list, so that a new mutant changes only its own lines. */
export function writeNoticedBy(noticedBy: NoticedBy, mutants: readonly Mutant[]): void {
  const kept = mutants.flatMap(({ name }) =>
    noticedBy[name] === undefined ? [] : [[name, noticedBy[name]] as const],
  );
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(kept), undefined, 2)}\n`);
}
