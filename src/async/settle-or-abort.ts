/** Waits for shared work, but no longer than the signal allows; the work itself goes on. */
export function settleOrAbort<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    const end = (): void => signal.removeEventListener("abort", abort);
    work.then(
      (value) => {
        end();
        resolve(value);
      },
      (cause: unknown) => {
        end();
        reject(cause);
      },
    );
  });
}
