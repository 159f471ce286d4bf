/**
 * Runs work with a signal that aborts after `ms`, or when `outer` does. One controller, one timer that is
 * always cleared, one listener that is always removed: `AbortSignal.any` with a signal that outlives it and
 * `AbortSignal.timeout` were both seen to leak.
 */
export async function withDeadline<T>(
  ms: number,
  outer: AbortSignal | undefined,
  onTimeout: () => Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer?.throwIfAborted();
  const controller = new AbortController();
  const abort = (): void => controller.abort(outer?.reason);
  const timer = setTimeout(() => controller.abort(onTimeout()), ms);
  timer.unref();
  outer?.addEventListener("abort", abort, { once: true });
  try {
    return await settleOrAbort(work(controller.signal), controller.signal);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener("abort", abort);
  }
}

/** Waits for shared work, but no longer than the signal allows; the work itself goes on. */
export function settleOrAbort<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
