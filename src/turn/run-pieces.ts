import { types } from "node:util";
import { inBackground } from "../context/background-timer.js";
import { HostedAgentIdentityError } from "../errors.js";
import { readRunOutput, refusePromise, runIterator, type Unnumbered } from "./run-output.js";
import { within } from "./within.js";
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

  const stop = (): void => {
    signal.removeEventListener("abort", stop);
    clock.stop();
    if (over || windingDown !== undefined) return;
    windingDown = scope.inContext(async () => void (await iterator?.return?.())).catch(onCleanUpError);
  };
  const step = async (): Promise<IteratorResult<unknown>> => {
    clock.waiting();
    try {
      if (iterator === undefined) {
        const output: unknown = run(turn);
        if (types.isPromise(output)) await refusePromise(output, "returned");
        iterator = runIterator(output);
      }
      const result = await iterator.next();
      if (result.done === true) over = true;
      return result;
    } catch (error) {
      over = true;
      throw error;
    }
  };
  // A consumer that stopped reading pulls nothing, and the run has to end all the same.
  signal.addEventListener("abort", stop, { once: true });

  return {
    async next() {
      for (;;) {
        signal.throwIfAborted();
        const { done, value } = await scope.whileLive(step);
        // Generators wait for what they yield; a stream, or an iterator made by hand, does not.
        if (types.isPromise(value)) await scope.whileLive(async () => refusePromise(value, "yielded"));
        clock.served();
        if (done === true) {
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

/** Ends the turn when its run takes too long. One timer for each limit: a stream of many small pieces starts none. */
function runClock(scope: TurnScope, { turnTimeoutMs, idleTimeoutMs }: RunLimits): RunClock {
  let waitingSince: number | undefined;
  let idle: NodeJS.Timeout | undefined;
  const turn = timer(turnTimeoutMs, () => scope.fail(new HostedAgentIdentityError("turn_timeout")));
  const check = (): void => {
    const waited = waitingSince === undefined ? 0 : performance.now() - waitingSince;
    if (waited >= idleTimeoutMs) scope.fail(new HostedAgentIdentityError("turn_idle"));
    else idle = timer(idleTimeoutMs - waited, check);
  };
  return {
    waiting() {
      waitingSince = performance.now();
      if (idleTimeoutMs > 0) idle ??= timer(idleTimeoutMs, check);
    },
    served() {
      waitingSince = undefined;
    },
    stop() {
      clearTimeout(turn);
      clearTimeout(idle);
    },
  };
}

interface RunClock {
  waiting(): void;
  served(): void;
  stop(): void;
}

function timer(ms: number, end: () => void): NodeJS.Timeout | undefined {
  if (ms <= 0 || ms === Number.POSITIVE_INFINITY) return undefined;
  const started = setTimeout(end, Math.min(Math.ceil(ms), 2 ** 31 - 1));
  inBackground(started);
  return started;
}
