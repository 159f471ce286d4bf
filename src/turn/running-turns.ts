import type { UserContext } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";
import { within } from "../async/deadline.js";
import { terminalEvents, type ResponseEvent, type ResponseObject } from "../foundry/events.js";
import { milliseconds, orElse } from "../options/checks.js";
import { readOptions, type OptionTable } from "../options/option-table.js";

/**
 * The turns that are running, of any number of `responses()`. Made by {@link runningTurns}.
 * @group Turns
 */
export interface RunningTurns {
  /** How many turns are running. */
  readonly size: number;
  /** Whether no new turns are taken any more: the time to answer `GET /readiness` with 503. */
  readonly draining: boolean;
  /**
   * Cancels a turn for the person who started it, and gives its response as it ended: `cancelled` without
   * output, unless it had just ended otherwise. `undefined` for a response that is not running or is another
   * person's: answer 404 to both, so that nobody learns of others' responses. Nobody can cancel the turn of a
   * request that no principal is known of; it ends with its connection.
   */
  cancel(responseId: string, context: UserContext): Promise<ResponseObject | undefined>;
  /**
   * Takes no new turns: they are answered 503 with `Retry-After`. Waits for the running ones and cancels those
   * that take longer. A turn has ended when its run has, `finally` included; a cancelled one is waited for as
   * long as its `windDownMs` says. Never rejects but with `invalid_option`.
   */
  drain(options?: DrainOptions): Promise<void>;
}

/** How long a drain may take. */
export interface DrainOptions {
  /** How long running turns may go on, in milliseconds. Default 20 000. */
  readonly timeoutMs?: number;
}

/**
 * Makes the list of running turns for `responses(run, { turns })`, on any host: to cancel one for the person who
 * started it, and to let all of them finish when the container is told to stop.
 *
 * The platform itself ends a turn by closing its connection; its cancel route is for background responses,
 * which `responses()` refuses. `cancel` is for hosts with a route of their own.
 *
 * Entry point: `hosted-agent-identity`.
 * Source: hosted-agent contract (SIGTERM); Azure.AI.AgentServer.Responses, api-behaviour-contract.md, B11.
 *
 * @example
 * ```ts
 * import express from "express";
 * import { getUserContext, runningTurns, type ResponsesRun, type UserContextOptions } from "hosted-agent-identity";
 * import { responses, userContext } from "hosted-agent-identity/express";
 *
 * export function serve(run: ResponsesRun, who: UserContextOptions): void {
 *   const turns = runningTurns();
 *   const app = express();
 *   app.get("/readiness", (_request, response) => void response.sendStatus(turns.draining ? 503 : 200));
 *   app.use("/responses", userContext(who));
 *   app.post("/responses", responses(run, { turns }));
 *   app.post("/responses/:id/cancel", async (request, response) => {
 *     const cancelled = await turns.cancel(request.params.id, getUserContext(request));
 *     if (cancelled === undefined) response.sendStatus(404);
 *     else response.json(cancelled);
 *   });
 *   const server = app.listen(8088, "0.0.0.0");
 *   process.once("SIGTERM", () => {
 *     void turns.drain({ timeoutMs: 20_000 }).then(() => {
 *       server.close(() => process.exit(0));
 *       server.closeIdleConnections();
 *     });
 *   });
 * }
 * ```
 * @group Turns
 */
export function runningTurns(): RunningTurns {
  const running = new Set<RunningTurn>();
  const ended = async (): Promise<void> => {
    await Promise.all([...running].map((turn) => turn.ended));
  };
  let draining = false;

  const turns: TurnList = {
    get size() {
      return running.size;
    },
    get draining() {
      return draining;
    },
    begin: (turn) => (draining ? undefined : begin(running, turn)),
    async cancel(responseId, { principalKey }) {
      const turn = [...running].find((one) => one.responseId === responseId && isOwner(one, principalKey));
      turn?.abort(Object.assign(new Error("The user cancelled the turn."), { name: cancelledByUser }));
      return turn?.answered;
    },
    async drain(options = {}) {
      const { timeoutMs } = readOptions("drain", drainOptions, options);
      draining = true;
      await within(ended(), timeoutMs);
      for (const turn of running) turn.abort(new Error("The agent is stopping."));
      const longest = Math.max(0, ...[...running].map(({ windDownMs }) => windDownMs));
      await within(ended(), longest + graceMs);
    },
  };
  return turns;
}

/** The options of `drain()`. */
export const drainOptions: OptionTable<DrainOptions, "timeoutMs"> = {
  timeoutMs: orElse(milliseconds(0, Number.MAX_SAFE_INTEGER), 20_000),
};

/** How long the last events of a cancelled turn may take beyond its run: its client may have stopped reading. */
const graceMs = 250;

/** The name, not the class: another copy of this package may have made the list. */
const cancelledByUser = "TurnCancelledByUser";

/** Whether a signal aborted because the turn's own user wanted it. The response is `cancelled` then, not `failed`. */
export function isCancelledByUser(reason: unknown): boolean {
  return reason instanceof Error && reason.name === cancelledByUser;
}

/** What {@link runningTurns} returns, as `responses()` uses it. */
interface TurnList extends RunningTurns {
  /** Puts a turn on the list; `undefined` when no new turns are taken. */
  begin(begun: TurnToBegin): BegunTurn | undefined;
}

/** A turn before it begins. */
export interface TurnToBegin {
  readonly responseId: string;
  readonly context: UserContext;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal | undefined;
  /** How long its run's `finally` may take. */
  readonly windDownMs: number;
}

interface RunningTurn {
  readonly responseId: string;
  /** Whose it is. Nobody's if nobody could be named. */
  readonly owner: string | undefined;
  readonly windDownMs: number;
  /** Its response, once it is known how it ended. */
  readonly answered: Promise<ResponseObject | undefined>;
  /** Its run has ended, too. */
  readonly ended: Promise<void>;
  abort(reason: Error): void;
}

/** A turn that has begun, for the code that runs it. */
export interface BegunTurn {
  /** Aborts when the client goes away, or the turn is cancelled. */
  readonly signal: AbortSignal | undefined;
  /** The same events. The turn ends with them. */
  endWith(events: AsyncIterableIterator<ResponseEvent>): AsyncIterableIterator<ResponseEvent>;
  /** Ends it without a response. Does nothing the second time. */
  end(): void;
}

/** A turn, on the list if there is one; `undefined` when no new turns are taken. */
export function beginTurn(turns: RunningTurns | undefined, turn: TurnToBegin): BegunTurn | undefined {
  if (turns === undefined) return { signal: turn.signal, endWith: (events) => events, end() {} };
  return checkedTurns(turns).begin(turn);
}

/** Throws `invalid_option` for anything that {@link runningTurns} did not make. */
export function checkedTurns(turns: RunningTurns): TurnList {
  if (isTurnList(turns)) return turns;
  throw new HostedAgentIdentityError("invalid_option", "turns: expected what runningTurns() returned.");
}

function isTurnList(turns: RunningTurns): turns is TurnList {
  return "begin" in turns && typeof turns.begin === "function";
}

function begin(
  running: Set<RunningTurn>,
  { responseId, context, signal: outer, windDownMs }: TurnToBegin,
): BegunTurn {
  const controller = new AbortController();
  let answer: (response: ResponseObject | undefined) => void = () => {};
  let over = (): void => {};
  let watching: AsyncIterableIterator<ResponseEvent> | undefined;
  const turn: RunningTurn = {
    responseId,
    owner: context.principalKey,
    windDownMs,
    answered: new Promise((resolve) => {
      answer = resolve;
    }),
    ended: new Promise((resolve) => {
      over = resolve;
    }),
    abort: (reason) => controller.abort(reason),
  };
  const end = (): void => {
    outer?.removeEventListener("abort", onGone);
    running.delete(turn);
    answer(undefined);
    over();
  };
  // Whoever has gone may leave the events unread. The turn is over when its run is, so its end is awaited here.
  const onGone = (): void => {
    controller.abort(outer?.reason);
    watching?.return?.().catch(() => {});
  };
  running.add(turn);
  // One listener that is removed: `AbortSignal.any` leaks with a signal that outlives it.
  outer?.addEventListener("abort", onGone, { once: true });
  if (outer?.aborted === true) onGone();
  return {
    signal: controller.signal,
    endWith(events) {
      watching = watched(events, answer, end);
      if (outer?.aborted === true) onGone();
      return watching;
    },
    end,
  };
}

/** The same events; tells the response they ended with, and when they are over. */
function watched(
  events: AsyncIterableIterator<ResponseEvent>,
  answer: (response: ResponseObject | undefined) => void,
  end: () => void,
): AsyncIterableIterator<ResponseEvent> {
  const iterator: AsyncIterableIterator<ResponseEvent> = {
    [Symbol.asyncIterator]: () => iterator,
    async next() {
      const result = await events.next();
      if (result.done === true) end();
      else if (terminalEvents.has(result.value.type)) answer(result.value.response);
      return result;
    },
    async return() {
      try {
        await events.return?.();
      } finally {
        end();
      }
      return { done: true, value: undefined };
    },
  };
  return iterator;
}

/** Turns without a principal have no owner, so nobody can cancel them. */
function isOwner({ owner }: RunningTurn, principalKey: string | undefined): boolean {
  return owner !== undefined && owner === principalKey;
}
