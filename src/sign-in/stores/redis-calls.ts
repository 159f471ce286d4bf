import { inBackground } from "../../async/background-timer.js";
import type { HostedAgentIdentityError } from "../../errors.js";
import { withDeadline } from "../../async/deadline.js";
import { storeUnavailableCauses } from "../../errors/causes/sign-in.js";
import type { ErrorCause } from "../../errors/facts.js";
import type { RedisClient, RedisCommands } from "./redis-client.js";
import { errno, unavailable } from "./refusals.js";

/**
 * Sends one command with a deadline of its own. Throws `store_unavailable`. A write may then have happened or not: a
 * command that was sent may still arrive.
 */
export type RedisCall = <T>(
  send: (commands: RedisCommands) => Promise<unknown>,
  read: (reply: unknown) => T | undefined,
) => Promise<T>;

/** How commands are sent. */
export interface RedisCalls {
  /** For a command that changes something: it is not sent after its deadline. */
  readonly change: RedisCall;
  /**
   * For a command that only reads and does no harm when it is sent late. It needs no signal, which would cost as
   * much as the rest of the call.
   */
  readonly look: RedisCall;
}

interface CallState {
  readonly client: RedisClient;
  readonly timeoutMs: number;
  readonly renew: () => void;
  /** Sent, and neither answered nor failed yet. */
  unanswered: number;
  /** Since when nothing at all has come back, by the steady clock. */
  silentSince: number | undefined;
  /** The commands of calls that only read. */
  plain: RedisCommands | undefined;
}

/** Whether a call is late already, and with which error: what fails afterwards fails with that. */
interface Lateness {
  readonly aborted: boolean;
  readonly reason?: unknown;
}

/**
 * The client keeps what it has sent until the answer comes or the connection ends. Without a bound the heap would
 * grow with every call to a server that hangs.
 */
const maxUnanswered = 10_000;

/**
 * Calls to this client. `renew` is called when nothing has come back for three deadlines although calls went out: the
 * client itself would wait until the system gives the connection up, a quarter of an hour on Linux.
 */
export function redisCalls(client: RedisClient, timeoutMs: number, renew: () => void): RedisCalls {
  const state: CallState = {
    client,
    timeoutMs,
    renew,
    unanswered: 0,
    silentSince: undefined,
    plain: undefined,
  };
  return {
    change: (work, read) => change(state, work, read),
    look: (work, read) => look(state, work, read),
  };
}

function change<T>(
  state: CallState,
  work: (commands: RedisCommands) => Promise<unknown>,
  read: (reply: unknown) => T | undefined,
): Promise<T> {
  if (state.unanswered >= maxUnanswered) return Promise.reject(full());
  const { client, timeoutMs } = state;
  return withDeadline(
    timeoutMs,
    undefined,
    () => late(state),
    (abortSignal) => {
      const commands = client.withCommandOptions({ abortSignal, timeout: 0, typeMapping: {} });
      return send(state, () => work(commands), read, abortSignal);
    },
  );
}

function look<T>(
  state: CallState,
  work: (commands: RedisCommands) => Promise<unknown>,
  read: (reply: unknown) => T | undefined,
): Promise<T> {
  if (state.unanswered >= maxUnanswered) return Promise.reject(full());
  return new Promise((resolve, reject) => {
    const commands = (state.plain ??= state.client.withCommandOptions({ timeout: 0, typeMapping: {} }));
    const lateness = { aborted: false };
    const timer = inBackground(
      setTimeout(() => {
        lateness.aborted = true;
        reject(late(state));
      }, state.timeoutMs),
    );
    send(state, () => work(commands), read, lateness).then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (cause: unknown) => {
        clearTimeout(timer);
        reject(cause);
      },
    );
  });
}

function send<T>(
  state: CallState,
  work: () => Promise<unknown>,
  read: (reply: unknown) => T | undefined,
  lateness: Lateness,
): Promise<T> {
  state.unanswered += 1;
  state.silentSince ??= performance.now();
  const failed = (error: unknown): never => {
    answered(state, lateness);
    throw lateness.aborted ? lateness.reason : fromClient(error);
  };
  try {
    return work().then((reply) => {
      answered(state, lateness);
      const value = read(reply);
      if (value === undefined) throw unavailable("Redis answered with something that makes no sense here.");
      return value;
    }, failed);
  } catch (error) {
    return failed(error);
  }
}

function answered(state: CallState, lateness: Lateness): void {
  state.unanswered -= 1;
  if (!lateness.aborted) state.silentSince = undefined;
}

function late(state: CallState): HostedAgentIdentityError {
  const { silentSince, timeoutMs } = state;
  if (silentSince !== undefined && performance.now() - silentSince >= 3 * timeoutMs) {
    state.silentSince = undefined;
    state.renew();
  }
  return unavailable(`Redis did not answer within ${timeoutMs} ms.`);
}

function full(): HostedAgentIdentityError {
  return unavailable("Redis has not answered thousands of commands.");
}

/** The error of a command, without what Redis repeats of the command. */
export function fromClient(error: unknown): HostedAgentIdentityError {
  const message = error instanceof Error ? error.message : String(error);
  // Redis 6 wraps what a command in a script was refused for: "ERR Error running script (…): -OOM …".
  const word = /: -([A-Z]+) /.exec(message)?.[1] ?? /^([A-Z]{2,}) /.exec(message)?.[1];
  if (word === undefined) {
    return unavailable(`Redis could not be asked: ${errno(error) ?? JSON.stringify(message)}.`, {
      cause: error,
    });
  }
  const reply = replies[word];
  const said = (message.split(/,? with args|script: 0x|script: [0-9a-f]{40}/)[0] ?? word).slice(0, 160);
  return unavailable(`Redis refused: ${JSON.stringify(said)}.`, reply);
}

/** Refusals of Redis that have a better next step than to try again, by the first word of the reply. */
const { OOM, MISCONF, READONLY, NOAUTH, WRONGPASS, NOPERM, WRONGTYPE } = storeUnavailableCauses;
const replies: Readonly<Record<string, ErrorCause>> = {
  OOM,
  MISCONF,
  READONLY,
  NOAUTH,
  WRONGPASS,
  NOPERM,
  WRONGTYPE,
};
