import { withDeadline } from "../async/deadline.js";
import { HostedAgentIdentityError } from "../errors.js";
import { backingOffCauses } from "../errors/causes/tokens.js";

/** Lets so many requests of one app be under way at a time. The others wait in the order in which they came. */
export interface RequestTurns {
  /**
   * Runs the request when it is its turn. Throws `backing_off` when that takes too long, and the signal's reason when
   * it aborts before. The time of the request itself is counted by whoever makes it.
   */
  run<T>(signal: AbortSignal, request: () => Promise<T>): Promise<T>;
}

/**
 * How many requests an app has under way at once. Without a limit a burst opens a socket for each user, and the
 * deadlines of all of them run while this process is busy with the others.
 */
const maxRequests = 128;

/** How long a request waits for its turn, in milliseconds: as long as an access waits for a token by default. */
const maxWaitMs = 30_000;

/** So many may wait: each holds what its request is to send. */
const maxWaiting = 10_000;

/** Makes the turns of one app. */
export function requestTurns(
  atOnce: number = maxRequests,
  waitMs: number = maxWaitMs,
  mayWait: number = maxWaiting,
): RequestTurns {
  /** Those that wait, the first one first. Called, they have the place of the request that has ended. */
  const waiting = new Set<() => void>();
  let underWay = 0;

  const turn = (signal: AbortSignal): Promise<void> => {
    let begin: () => void = () => undefined;
    if (waiting.size >= mayWait) return Promise.reject(crowded(`as ${mayWait} others are waiting`));
    return withDeadline(
      waitMs,
      signal,
      () => crowded(`after waiting ${waitMs} ms for its turn`),
      () =>
        new Promise<void>((resolve) => {
          begin = resolve;
          waiting.add(begin);
        }),
    ).catch((cause: unknown) => {
      // Its turn may have come in the moment in which it left.
      if (!waiting.delete(begin)) handOn();
      throw cause;
    });
  };

  const handOn = (): void => {
    const [first] = waiting;
    if (first === undefined) {
      underWay -= 1;
      return;
    }
    waiting.delete(first);
    first();
  };

  return {
    async run(signal, request) {
      signal.throwIfAborted();
      if (underWay < atOnce) underWay += 1;
      else await turn(signal);
      try {
        return await request();
      } finally {
        handOn();
      }
    },
  };
}

/** Not an `entra_timeout`, from which the back-off would learn that Entra is in trouble. */
function crowded(when: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("backing_off", `The request was not sent to Entra, ${when}.`, {
    retryAfterMs: 1_000,
    help: backingOffCauses.crowded.help,
  });
}
