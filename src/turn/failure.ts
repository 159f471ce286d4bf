import { errorChain } from "../consent/error-chain.js";
import { isHostedAgentIdentityError, type HostedAgentIdentityError } from "../errors.js";
import type { ResponseFailure } from "../foundry/events.js";

/** The error of this package that an error is or wraps, nearest first. */
export function ownErrorIn(error: unknown): HostedAgentIdentityError | undefined {
  for (const one of errorChain(error)) {
    if (isHostedAgentIdentityError(one)) return one;
  }
  return undefined;
}

/** What is said of an error that nobody knows. */
export const genericFailure: ResponseFailure = Object.freeze({
  code: "server_error",
  message: "The agent could not finish this response.",
});

/**
 * What the client is told of an error. This package's errors are made to be shown; of any other nobody knows
 * what its message holds.
 */
export function failureFrom(error: unknown): ResponseFailure {
  const own = ownErrorIn(error);
  return own === undefined ? genericFailure : { code: own.code, message: own.message };
}
