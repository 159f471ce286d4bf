import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";

/** One SHA-256 of a token, as most programs write it: the unit of what a call costs more than its floor. */
export function sha256(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}

/** Milliseconds of the processor for each of so many times, one after the other, after a collection of garbage. */
export async function cpuOf(times: number, work: (number: number) => unknown): Promise<number> {
  globalThis.gc?.();
  // What was collected is cleared away in tasks of its own, which are not this one's.
  for (let waited = 0; waited < 3; waited += 1) await setImmediate();
  const before = process.cpuUsage();
  for (let number = 0; number < times; number += 1) await work(number);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / times;
}
