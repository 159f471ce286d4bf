import { HostedAgentIdentityError, type HostedAgentIdentityErrorOptions } from "../../errors.js";
import { unexpected } from "../../options/invalid.js";

/** The store could not do what was asked: an error, never a guess. */
export function unavailable(
  message: string,
  options?: HostedAgentIdentityErrorOptions,
): HostedAgentIdentityError {
  return new HostedAgentIdentityError("store_unavailable", message, options);
}

/** The store cannot keep its promises, whoever asks and however often. */
export function unsuitable(
  message: string,
  options?: HostedAgentIdentityErrorOptions,
): HostedAgentIdentityError {
  return new HostedAgentIdentityError("store_unsuitable", message, options);
}

export function closed(name: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("closed", `${name} has been closed.`);
}

/** A lifetime in whole milliseconds. Throws `invalid_option`: a record without an end would never go away. */
export function wholeTtl(ttlMs: number): number {
  const whole = Math.ceil(ttlMs);
  if (Number.isSafeInteger(whole) && whole > 0) return whole;
  throw unexpected("ttlMs", "a positive number of milliseconds", ttlMs);
}

/** The system's code of an error (`ENOENT` …), where it has one. */
export function errno(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === "string" ? code : undefined;
}
