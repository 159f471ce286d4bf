import { withDeadline } from "../async/deadline.js";
import type { FetchLike } from "../runtime/runtime.js";

/** A `fetch` that waits so many milliseconds at most for an answer to begin. */
export function impatient(fetch: FetchLike, silenceMs: number | undefined): FetchLike {
  if (silenceMs === undefined) return fetch;
  return (input, init) => {
    const sent = fetch(input, init);
    return withDeadline(silenceMs, undefined, silent, () => sent).catch((error: unknown) => {
      sent.then(
        (late) => late.body?.cancel(),
        () => {},
      );
      throw error;
    });
  };
}

/** The error of a server that was silent for too long. */
export function silent(): Error {
  return new DOMException("The server was silent for longer than silenceMs.", "TimeoutError");
}
