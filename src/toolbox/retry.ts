import { canSendAgain } from "../access/outgoing-request.js";
import { isWithoutEffect } from "./rpc-method.js";
import { fraction, type RandomBytes } from "../runtime/random.js";

/** How often and how long a request is repeated. */
export interface RetryOptions {
  /** How often at most, after the first time. */
  readonly maxRetries: number;
  /** How long the waiting may take altogether, in milliseconds. */
  readonly maxWaitMs: number;
  readonly now: () => number;
  readonly random: RandomBytes;
}

/** Says how long to wait before the next try, or `undefined` when there is none. Counts the tries. */
export type RetryPlan = (response: Response) => number | undefined;

const firstWaitMs = 500;
/** Added to the server's wait, so that refused clients do not all return at once. */
const spreadMs = 250;

/**
 * When one request is repeated. 429 and 503 mean that it was not processed, so any request is repeated whose body can
 * be sent again. After any other 5xx a tool may have acted, so only a request without effect is.
 */
export function retryPlan(
  request: RequestInit,
  { maxRetries, maxWaitMs, now, random }: RetryOptions,
): RetryPlan {
  let retries = 0;
  let waited = 0;
  return (response) => {
    if (retries >= maxRetries || !mayRepeat(response.status, request)) return undefined;
    const chance = fraction(random);
    const asked = retryAfterMs(response.headers, now());
    const wait =
      asked === undefined ? firstWaitMs * 2 ** retries * (0.5 + chance) : asked + spreadMs * chance;
    if (waited + wait > maxWaitMs) return undefined;
    retries += 1;
    waited += wait;
    return wait;
  };
}

function mayRepeat(status: number, request: RequestInit): boolean {
  if (!canSendAgain(request.body)) return false;
  if (status === 429 || status === 503) return true;
  return (status === 500 || status === 502 || status === 504) && isWithoutEffect(request);
}

/** Seconds or a date; some Azure services give milliseconds. Source: RFC 9110, 10.2.3; azure-sdk guidelines. */
function retryAfterMs(headers: Headers, now: number): number | undefined {
  for (const name of ["retry-after-ms", "x-ms-retry-after-ms"]) {
    const value = headers.get(name);
    if (value !== null && /^\d{1,9}$/.test(value)) return Number(value);
  }
  const value = headers.get("retry-after");
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(date - now, 0);
}
