import { HostedAgentIdentityError, type HostedAgentIdentityErrorOptions } from "../../errors.js";
import { unexpected } from "../../options/invalid.js";

/** For a step that failed: the store could not do it, or nobody knows whether it did. */
export function unavailable(
  message?: string,
  options?: HostedAgentIdentityErrorOptions,
): HostedAgentIdentityError {
  return new HostedAgentIdentityError("store_unavailable", message, options);
}

/** For a store that cannot work as sign-in needs it, however often it is tried. */
export function unsuitable(
  message: string,
  options?: HostedAgentIdentityErrorOptions,
): HostedAgentIdentityError {
  return new HostedAgentIdentityError("store_unsuitable", message, options);
}

export function closed(name: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("closed", `${name} has been closed.`);
}

/** A lifetime in whole milliseconds. Throws `invalid_option`: without a lifetime a record would stay forever. */
export function wholeTtl(ttlMs: number): number {
  const whole = Math.ceil(ttlMs);
  if (Number.isSafeInteger(whole) && whole > 0) return whole;
  throw unexpected("ttlMs", "a positive number of milliseconds", ttlMs);
}

/** How many records a page may have. Throws `invalid_option`. */
export function wholeLimit(limit: number): number {
  if (Number.isSafeInteger(limit) && limit > 0) return limit;
  throw unexpected("limit", "a whole number from 1", limit);
}

/** The system's code of an error (`ENOENT` …), if it has one. */
export function errno(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === "string" ? code : undefined;
}
