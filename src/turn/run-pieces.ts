import { isPromise } from "node:util/types";
import { inBackground, within } from "../async/deadline.js";
import { HostedAgentIdentityError } from "../errors.js";
import { readRunOutput, refusePromise, runIterator, type Unnumbered } from "./run-output.js";
import type { TurnScope } from "./turn-scope.js";
import type { RunOutput, Turn } from "./turn.js";

/** How long a run may take. All in milliseconds; 0 for no limit. */
export interface RunLimits {
  /** The run as a whole. */
  readonly turnTimeoutMs: number;
  /** From one yielded value to the next. */
  readonly idleTimeoutMs: number;
  /** From the end of the turn to the end of the run's `finally`. */
  readonly windDownMs: number;
}

/** What a run yields, taken one by one as the turn's user. */
export interface RunPieces {
  /** The next piece, checked; `undefined` when the run has ended. Rejects with the signal's reason once it aborts. */
  next(): Promise<string | Unnumbered | undefined>;
  /** Ends the run: its `finally` begins. Does nothing the second time. */
  stop(): void;
  /** Waits until the run has ended, `finally` included, but no longer than `windDownMs`. Never rejects. */
  ended(): Promise<void>;
}

/**
 * Starts nothing: the run begins with the first `next()`. `onCleanUpError` is told what the run's `finally` throws
 * once the turn has ended without it.
 */
export function runPieces(
  run: (turn: Turn) => RunOutput,
  turn: Turn,
  scope: TurnScope,
  limits: RunLimits,
  onCleanUpError: (error: unknown) => void,
): RunPieces {
  const { signal } = scope;
  const clock = runClock(scope, limits);
  let iterator: AsyncIterator<unknown> | undefined;
  let over = false;
  let windingDown: Promise<void> | undefined;
  /** Stops waiting for the step that is under way. */
  let leave: ((reason: unknown) => void) | undefined;

  const stop = (): void => {
    signal.removeEventListener("abort", stop);
    clock.stop();
    leave?.(signal.reason);
    if (over || windingDown !== undefined) return;
    windingDown = scope.inContext(async () => void (await iterator?.return?.())).catch(onCleanUpError);
  };
  const begin = async (): Promise<AsyncIterator<unknown>> => {
    const output: unknown = run(turn);
    if (isPromise(output)) await refusePromise(output, "returned");
    return (iterator = runIterator(output));
  };
  /** Takes a step as the turn's user, and waits for it, but not beyond the signal: a listener for all steps. */
  const whileLive = <T>(step: () => Promise<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      leave = reject;
      // Nobody would call it any more.
      if (signal.aborted) reject(signal.reason);
      scope.inContext(step).then(resolve, reject);
    });
  const pull = async (): Promise<IteratorResult<unknown>> => (iterator ?? (await begin())).next();
  // A consumer that stopped reading pulls nothing, and the run has to end all the same.
  signal.addEventListener("abort", stop, { once: true });

  return {
    async next() {
      for (;;) {
        signal.throwIfAborted();
        clock.waiting();
        let result: IteratorResult<unknown>;
        try {
          result = await whileLive(pull);
        } catch (error) {
          if (!signal.aborted) over = true;
          throw error;
        }
        const { done, value } = result;
        // Generators wait for what they yield; a stream, or an iterator made by hand, does not.
        if (isPromise(value)) await whileLive(async () => refusePromise(value, "yielded"));
        clock.served();
        if (done === true) {
          over = true;
          stop();
          return undefined;
        }
        const piece = readRunOutput(value);
        if (piece !== undefined) return piece;
      }
    },
    stop,
    async ended() {
      if (windingDown !== undefined) await within(windingDown, limits.windDownMs);
    },
  };
}

/** Ends the turn when its run takes too long. One timer, which a stream of many small pieces does not touch. */
function runClock(scope: TurnScope, limits: RunLimits): RunClock {
  const turnMs = limits.turnTimeoutMs || Number.POSITIVE_INFINITY;
  const idleMs = limits.idleTimeoutMs || Number.POSITIVE_INFINITY;
  const begun = performance.now();
  let waitingSince: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  const check = (): void => {
    const now = performance.now();
    const turnLeft = turnMs - (now - begun);
    const idleLeft = idleMs - (waitingSince === undefined ? 0 : now - waitingSince);
    if (turnLeft <= 0) scope.fail(new HostedAgentIdentityError("turn_timeout"));
    else if (idleLeft <= 0) scope.fail(new HostedAgentIdentityError("turn_idle"));
    else timer = start(Math.min(turnLeft, idleLeft), check);
  };
  check();
  return {
    waiting() {
      waitingSince = performance.now();
    },
    served() {
      waitingSince = undefined;
    },
    stop: () => clearTimeout(timer),
  };
}

interface RunClock {
  waiting(): void;
  served(): void;
  stop(): void;
}

function start(ms: number, end: () => void): NodeJS.Timeout | undefined {
  if (ms === Number.POSITIVE_INFINITY) return undefined;
  const timer = setTimeout(end, Math.min(Math.ceil(ms), 2 ** 31 - 1));
  inBackground(timer);
  return timer;
}
