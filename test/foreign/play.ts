import { messageOf, newChecks, type Check } from "./checks.js";
import { newChildren } from "./children.js";
import type { Counterpart, CounterpartWorld } from "./counterpart.js";
import type { Environments } from "./environments/environments.js";
import { withoutSecrets } from "./secrets.js";

/** One line of the table. */
export interface Outcome {
  readonly name: string;
  readonly versions: string;
  readonly checks: readonly Check[];
  readonly notes: readonly string[];
  readonly seconds: number;
}

/** Plays one counterpart, for no longer than it may take, and ends everything it has started. */
export async function play(counterpart: Counterpart, environments: Environments): Promise<Outcome> {
  const started = Date.now();
  const checks = newChecks();
  const children = newChildren();
  const closing: (() => Promise<void> | void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    const tooLong = new Error(`took longer than ${counterpart.timeoutMs / 1000} s`);
    timer = setTimeout(() => reject(tooLong), counterpart.timeoutMs);
  });
  let versions = "";
  try {
    const atEnd: CounterpartWorld["atEnd"] = (close) => void closing.push(close);
    const run = counterpart.run({ checks, children, environments, atEnd });
    versions = withoutSecrets(await Promise.race([run, limit]));
  } catch (error) {
    checks.add("runs to its end", messageOf(error));
  } finally {
    clearTimeout(timer);
    await children.stopAll();
    for (const close of closing.reverse()) await close();
  }
  // Looking at nothing proves nothing.
  if (checks.all.length === 0) checks.add("runs to its end", "it looked at nothing");
  // One that took too long may still go on looking.
  return {
    name: counterpart.name,
    versions,
    checks: [...checks.all],
    notes: [...checks.notes],
    seconds: (Date.now() - started) / 1000,
  };
}
