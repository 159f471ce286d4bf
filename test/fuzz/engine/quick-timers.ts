import { AsyncLocalStorage } from "node:async_hooks";

const quick = new AsyncLocalStorage<true>();
const setPlainTimeout = globalThis.setTimeout;

/** Runs what waits for timers a thousand times as fast. The fuzzer's own timers go on as they are. */
export function withQuickTimers<T>(run: () => T): T {
  return quick.run(true, run);
}

function setQuickTimeout(run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): NodeJS.Timeout {
  return setPlainTimeout(run, quick.getStore() === true ? ms / 1000 : ms, ...args);
}

globalThis.setTimeout = Object.assign(setQuickTimeout, setPlainTimeout) as typeof setTimeout;
