import { Worker } from "node:worker_threads";

/** Ends the process when an input never ends: from inside nothing can. */
export interface Watchdog {
  beat(index: number): void;
  watch(target: string): void;
  end(): Promise<unknown>;
}

// Long: on a machine with other work a good parser has been silent for 15 s.
const silentMs = 45_000;

/** `replay`: what to type to see the same input again. */
export function watchdog(replay: (target: string) => string): Watchdog {
  const beats = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(watching, { eval: true, workerData: { beats, silentMs } });
  return {
    beat(index) {
      beats[0] = (beats[0] as number) + 1;
      beats[1] = index;
    },
    watch: (target) => worker.postMessage(`${target} hangs. Again: ${replay(target)}`),
    end: () => worker.terminate(),
  };
}

const watching = `
const { parentPort, workerData } = require("node:worker_threads");
const { writeSync } = require("node:fs");
let text = "";
let last = -1;
let since = Date.now();
parentPort.on("message", (said) => { text = said; since = Date.now(); });
setInterval(() => {
  const { beats, silentMs } = workerData;
  if (beats[0] !== last) { last = beats[0]; since = Date.now(); }
  if (text === "" || Date.now() - since < silentMs) return;
  writeSync(2, "input " + beats[1] + " of " + text + "\\n");
  process.kill(process.pid, "SIGKILL");
}, 1000);`;
