import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "./random.js";

/**
 * Where calls of several people wait for each other, to be let on in an order that no queue would give: what is
 * kept in a variable while a call is under way is then another person's when it comes back.
 */
export interface Gate {
  /** Ends when the call may go on. Never rejects: a caller who has gone is let on as well. */
  pass(gone: AbortSignal): Promise<void>;
  /**
   * Holds calls from now on until `crowd()` of them wait, or for `gatherMs`: forty unless said otherwise. Returns how
   * to stop that.
   */
  hold(options: Holding): () => void;
}

interface Holding {
  readonly random: Random;
  readonly crowd: () => number;
  readonly gatherMs?: number;
}

/** How long the first one waits for others. Longer finds no more, and costs this much a round. */
const gatherMs = 40;

export function createGate(): Gate {
  let holding: Holding | undefined;
  let waiting: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;

  async function letOn(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const all = waiting;
    waiting = [];
    for (const go of holding?.random.shuffled(all) ?? all) {
      go();
      if (holding !== undefined) await sleep(holding.random.below(4));
    }
  }

  return {
    pass(gone) {
      if (holding === undefined || gone.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const go = (): void => {
          gone.removeEventListener("abort", go);
          resolve();
        };
        gone.addEventListener("abort", go);
        waiting.push(go);
        if (waiting.length >= (holding?.crowd() ?? 0)) void letOn();
        else timer ??= setTimeout(() => void letOn(), holding?.gatherMs ?? gatherMs);
      });
    },
    hold(options) {
      holding = options;
      return () => {
        holding = undefined;
        void letOn();
      };
    },
  };
}
