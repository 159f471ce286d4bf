import { inBackground } from "./background-timer.js";
export { settleOrAbort } from "./settle-or-abort.js";

/**
 * Runs work with a signal that aborts after `ms`, or when `outer` does. One controller, one timer that is
 * always cleared, one listener that is always removed: `AbortSignal.any` with a signal that outlives it and
 * `AbortSignal.timeout` were both seen to leak.
 */
export function withDeadline<T>(
  ms: number,
  outer: AbortSignal | undefined,
  onTimeout: () => Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (outer?.aborted === true) return Promise.reject(outer.reason);
  // One promise, and one reaction to the work's: this is on the way of every token.
  return new Promise<T>((resolve, reject) => {
    const controller = new AbortController();
    const end = (): void => {
      clearTimeout(timer);
      outer?.removeEventListener("abort", leave);
    };
    const abort = (reason: unknown): void => {
      end();
      controller.abort(reason);
      reject(reason);
    };
    const leave = (): void => abort(outer?.reason);
    const timer = inBackground(setTimeout(() => abort(onTimeout()), ms));
    outer?.addEventListener("abort", leave, { once: true });
    const fail = (cause: unknown): void => {
      end();
      reject(cause);
    };
    try {
      work(controller.signal).then((value) => {
        end();
        resolve(value);
      }, fail);
    } catch (cause) {
      fail(cause);
    }
  });
}
