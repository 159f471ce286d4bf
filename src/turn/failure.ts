import { errorChain } from "../consent/error-chain.js";
import { internalsOf } from "../context/internals.js";
import type { ServerTrouble } from "../context/state.js";
import type { UserContext } from "../context/user-context.js";
import {
  errorCodes,
  isHostedAgentIdentityError,
  isTokenExchangeError,
  type HostedAgentIdentityError,
} from "../errors.js";
import type { EnvelopeCode } from "../errors/envelope-codes.js";
import type { ResponseFailure, SignInInfo } from "../foundry/events.js";

/** The error of this package that an error is or wraps, nearest first. */
export function ownErrorIn(error: unknown): HostedAgentIdentityError | undefined {
  for (const one of errorChain(error)) {
    if (isHostedAgentIdentityError(one)) return one;
  }
  return undefined;
}

/** Whether a turn was cancelled: its client has gone, or asked for it. */
export function isCancelled(error: unknown): error is HostedAgentIdentityError {
  return isHostedAgentIdentityError(error) && error.code === "turn_cancelled";
}

/** What is said of an error that nobody knows. */
export const genericFailure: ResponseFailure = Object.freeze({
  code: "server_error" satisfies EnvelopeCode,
  message: "The agent could not finish this response.",
});

/**
 * What the client is told of an error. This package's errors are made to be shown; of any other nobody knows
 * what its message holds. Where an MCP server has failed in the turn of `context`, the client learns which one
 * and how, instead of nothing: frameworks throw errors of their own for it.
 */
export function failureFrom(error: unknown, context?: UserContext): ResponseFailure {
  const own = ownErrorIn(error);
  if (own === undefined) return serverFailure(context) ?? genericFailure;
  const additionalInfo = signInInfo(own);
  // A framework that waits for an answer that never comes says nothing. What its server did explains the wait.
  const waitedFor =
    own.code === "turn_idle" || own.code === "turn_timeout" ? serverFailure(context) : undefined;
  return {
    code: own.code,
    message: waitedFor === undefined ? own.message : `${own.message} ${waitedFor.message}`,
    additionalInfo,
  };
}

const maxServersNamed = 4;

function serverFailure(context: UserContext | undefined): ResponseFailure | undefined {
  const troubles = context === undefined ? [] : [...internalsOf(context).serverTroubles.values()];
  const newest = troubles.at(-1);
  if (newest === undefined) return undefined;
  const code = newest.kind === "status" ? "mcp_server_failed" : "mcp_server_unreachable";
  const sentences = troubles.slice(-maxServersNamed).reverse().map(sentenceOf);
  return { code, message: [...sentences, errorCodes[code].help].join(" ") };
}

function sentenceOf({ serverLabel, kind, status }: ServerTrouble): string {
  const server = `The MCP server ${JSON.stringify(serverLabel)}`;
  return kind === "status" ? `${server} answered ${status}.` : `${server} could not be reached.`;
}

/** What the next sign-in has to ask for, for clients that see no headers. None of it is secret. */
export function signInInfo(error: HostedAgentIdentityError): SignInInfo | undefined {
  const claims = isTokenExchangeError(error) ? error.claims : undefined;
  if (claims !== undefined) return { claims };
  const { acrValues, maxAgeS } = error.authentication ?? {};
  if (acrValues === undefined && maxAgeS === undefined) return undefined;
  return {
    ...(acrValues === undefined ? {} : { acr_values: acrValues.join(" ") }),
    ...(maxAgeS === undefined ? {} : { max_age: maxAgeS }),
  };
}
