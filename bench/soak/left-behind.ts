import { getEventListeners } from "node:events";

/** What a process must not have more of when everything was closed. */
export interface LeftBehind {
  /** Timers that were set and have neither fired nor been cleared, unref'd ones too. */
  readonly timers: number;
  /** What keeps the process alive, as Node counts it. */
  readonly resources: number;
  readonly processListeners: number;
  /** On the signal that all calls were given. */
  readonly abortListeners: number;
  /** Names of the warnings that Node gave, such as MaxListenersExceededWarning. */
  readonly warnings: readonly string[];
}

/** Watches from now on; `stop` says what came to be since and is there still. */
export function watchLeftBehind(signal: AbortSignal): { stop(): LeftBehind } {
  const original = { setTimeout, setInterval, clearTimeout, clearInterval };
  const timers = new Set<unknown>();
  const warnings: string[] = [];
  const warned = ({ name }: Error): void => void warnings.push(name);
  // Counted first, or the watch would count itself.
  const before = { listeners: processListeners(), resources: resources() };
  process.on("warning", warned);
  Object.assign(globalThis, {
    setTimeout: Object.assign((run: (...given: unknown[]) => void, ms?: number, ...given: unknown[]) => {
      const timer = original.setTimeout(() => {
        timers.delete(timer);
        run(...given);
      }, ms);
      timers.add(timer);
      return timer;
    }, original.setTimeout),
    setInterval: (run: (...given: unknown[]) => void, ms?: number, ...given: unknown[]) => {
      const timer = original.setInterval(run, ms, ...given);
      timers.add(timer);
      return timer;
    },
    clearTimeout(timer: NodeJS.Timeout | undefined) {
      timers.delete(timer);
      original.clearTimeout(timer);
    },
    clearInterval(timer: NodeJS.Timeout | undefined) {
      timers.delete(timer);
      original.clearInterval(timer);
    },
  });
  return {
    stop() {
      Object.assign(globalThis, original);
      process.off("warning", warned);
      return {
        timers: timers.size,
        // Somebody else's timer may have ended meanwhile.
        resources: Math.max(0, resources() - before.resources),
        processListeners: processListeners() - before.listeners,
        abortListeners: getEventListeners(signal, "abort").length,
        warnings,
      };
    },
  };
}

function processListeners(): number {
  return process.eventNames().reduce((count, name) => count + process.listenerCount(name), 0);
}

function resources(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}
