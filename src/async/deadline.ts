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

/**
 * A timer that does not keep the process alive. Where timers are numbers (Cloudflare Workers, jsdom) there is
 * nothing to release: calling `unref()` there would fail the call that the timer was made for.
 */
export function inBackground<T>(timer: T): T {
  (timer as { unref?(): unknown }).unref?.();
  return timer;
}

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

/** The longest time that a timer of Node can wait. */
const maxMs = 2 ** 31 - 1;

/** The result of a promise, or `undefined` when it takes longer. Rejects when the promise does so in time. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((pass) => {
    timer = setTimeout(() => pass(undefined), Math.min(ms, maxMs));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * TypeScript takes an async function where one that returns nothing is expected. Its caller does not wait, and its
 * rejection would end the process. Any object with `then` counts, also one of another realm.
 */
export function ignoreRejection(told: unknown): void {
  if (typeof told !== "object" || told === null || !("then" in told)) return;
  Promise.resolve(told).catch(() => undefined);
}

/** Waits for so many milliseconds, or rejects with the signal's reason when that aborts first. Leaves no timer behind. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  try {
    await settleOrAbort(new Promise<void>((resolve) => (timer = setTimeout(resolve, ms))), signal);
  } finally {
    clearTimeout(timer);
  }
}
