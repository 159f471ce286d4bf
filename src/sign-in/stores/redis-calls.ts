import { inBackground } from "../../async/background-timer.js";
import type { HostedAgentIdentityError } from "../../errors.js";
import { withDeadline } from "../../async/deadline.js";
import { storeUnavailableCauses } from "../../errors/causes/sign-in.js";
import type { ErrorCause } from "../../errors/facts.js";
import type { RedisClient, RedisCommands } from "./redis-client.js";
import { errno, unavailable } from "./refusals.js";

/**
 * Sends one command with a deadline of its own. Throws `store_unavailable`, and then nobody knows whether a
 * write was done: a command that was sent may still arrive.
 */
export type RedisCall = <T>(
  send: (commands: RedisCommands) => Promise<unknown>,
  read: (reply: unknown) => T | undefined,
) => Promise<T>;

/** How commands are sent. */
export interface RedisCalls {
  /** For a command that changes something: after its deadline it is not sent any more. */
  readonly change: RedisCall;
  /**
   * For a command that only reads, which does no harm when it is sent late. It needs no signal, which would
   * cost as much as all the rest of a call.
   */
  readonly look: RedisCall;
}

/**
 * Makes them. `renew` is called when calls have been going out for three deadlines and nothing at all has come
 * back: the client itself would wait until the system gives the connection up, a quarter of an hour on Linux.
 */
export function redisCalls(client: RedisClient, timeoutMs: number, renew: () => void): RedisCalls {
  let unanswered = 0;
  let silentSince: number | undefined;
  let plain: RedisCommands | undefined;

  const send = <T>(
    work: () => Promise<unknown>,
    read: (reply: unknown) => T | undefined,
    lateness: { readonly aborted: boolean; readonly reason?: unknown },
  ): Promise<T> => {
    unanswered += 1;
    silentSince ??= performance.now();
    const answered = (): void => {
      unanswered -= 1;
      if (!lateness.aborted) silentSince = undefined;
    };
    const failed = (error: unknown): never => {
      answered();
      throw lateness.aborted ? lateness.reason : fromClient(error);
    };
    try {
      return work().then((reply) => {
        answered();
        const value = read(reply);
        if (value === undefined) throw unavailable("Redis answered with something that makes no sense here.");
        return value;
      }, failed);
    } catch (error) {
      return failed(error);
    }
  };

  const late = (): HostedAgentIdentityError => {
    if (silentSince !== undefined && performance.now() - silentSince >= 3 * timeoutMs) {
      silentSince = undefined;
      renew();
    }
    return unavailable(`Redis did not answer within ${timeoutMs} ms.`);
  };

  // The client keeps what it has sent until the answer comes or the connection ends: without a bound that
  // heap would grow with every call to a server that hangs.
  const isFull = (): boolean => unanswered >= maxUnanswered;
  const full = (): HostedAgentIdentityError => unavailable("Redis has not answered thousands of commands.");

  return {
    change(work, read) {
      if (isFull()) return Promise.reject(full());
      return withDeadline(timeoutMs, undefined, late, (abortSignal) => {
        const commands = client.withCommandOptions({ abortSignal, timeout: 0, typeMapping: {} });
        return send(() => work(commands), read, abortSignal);
      });
    },
    look(work, read) {
      if (isFull()) return Promise.reject(full());
      return new Promise((resolve, reject) => {
        const lateness = { aborted: false };
        const timer = inBackground(
          setTimeout(() => {
            lateness.aborted = true;
            reject(late());
          }, timeoutMs),
        );
        plain ??= client.withCommandOptions({ timeout: 0, typeMapping: {} });
        const commands = plain;
        send(() => work(commands), read, lateness).then(
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
    },
  };
}

const maxUnanswered = 10_000;

/** The error of a command. What Redis repeats of the command stays out of it. */
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
