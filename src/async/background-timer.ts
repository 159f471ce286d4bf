/**
 * A timer that does not keep the process alive. Where timers are numbers (Cloudflare Workers, jsdom) there is
 * nothing to release: calling `unref()` there would fail the call that the timer was made for.
 */
export function inBackground<T>(timer: T): T {
  (timer as { unref?(): unknown }).unref?.();
  return timer;
}
