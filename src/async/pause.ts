import { settleOrAbort } from "./settle-or-abort.js";

/** Waits for so many milliseconds, or rejects with the signal's reason when that aborts first. Leaves no timer behind. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  try {
    await settleOrAbort(new Promise<void>((resolve) => (timer = setTimeout(resolve, ms))), signal);
  } finally {
    clearTimeout(timer);
  }
}
