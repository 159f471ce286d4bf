import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes of the heap that are still in use after a collection. */
export async function heapAfterCollection(): Promise<number> {
  // A test's process was not started with the flag.
  setFlagsFromString("--expose-gc");
  const collect = globalThis.gc ?? (runInNewContext("gc") as () => void);
  // Weak references and what finishes later go in later turns of the event loop.
  for (let time = 0; time < 2; time += 1) {
    await turnOfTheLoop();
    collect();
  }
  return process.memoryUsage().heapUsed;
}

/** How much is added from one sample to the next: the slope of the line that fits them best. */
export function slope(samples: readonly number[]): number {
  const middle = (samples.length - 1) / 2;
  const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
  let [above, below] = [0, 0];
  for (const [at, sample] of samples.entries()) {
    above += (at - middle) * (sample - mean);
    below += (at - middle) ** 2;
  }
  return above / below;
}
