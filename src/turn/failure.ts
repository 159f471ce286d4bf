import { errorChain, read } from "../consent/error-chain.js";
import type { ServerTrouble } from "../context/state.js";
import { type UserContext, internalsOf } from "../context/user-context.js";
import {
  errorCodes,
  isHostedAgentIdentityError,
  isTokenExchangeError,
  type HostedAgentIdentityError,
} from "../errors.js";
import { mcpServerUnreachableCauses } from "../errors/causes/resource.js";
import type { EnvelopeCode } from "../errors/envelope-codes.js";
import type { ResponseFailure, SignInInfo } from "../foundry/events.js";

/** The error of this package that an error is or wraps, nearest first. */
export function ownErrorIn(error: unknown): HostedAgentIdentityError | undefined {
  for (const one of errorChain(error)) {
    if (isHostedAgentIdentityError(one)) return one;
  }
  return undefined;
}

/**
 * The error that a turn failed with, or our own behind it: in the middle of a stream a client gets a refusal as a
 * JSON-RPC error only, and throws one of its own with our code in its `data`.
 */
export function refusedIn(error: unknown, context: UserContext): unknown {
  const { refusedInStream: refused } = internalsOf(context);
  if (refused === undefined) return error;
  for (const one of errorChain(error)) {
    const data = read(one, "data");
    if (typeof data === "object" && data !== null && read(data, "code") === refused.code) return refused;
  }
  return error;
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
  const { help } = newest.silent === true ? mcpServerUnreachableCauses.silent : errorCodes[code];
  return { code, message: [...sentences, help].join(" ") };
}

function sentenceOf({ serverLabel, kind, status, silent }: ServerTrouble): string {
  const server = `The MCP server ${JSON.stringify(serverLabel)}`;
  if (silent === true) return `${server} sent nothing for too long.`;
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
