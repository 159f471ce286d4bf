import { isTokenExchangeError, type HostedAgentIdentityError } from "../errors.js";
import { responseHeaders, type ErrorSource } from "../foundry/headers.js";

/** An answer that is an error: the platform's envelope, and its headers. */
export interface RequestError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
  };
}

/** A refusal of the request as such. Source: Azure.AI.AgentServer.Responses, docs/api-behaviour-contract.md. */
export function requestError(
  status: number,
  code: string,
  message: string,
  param: string | null = null,
  source: ErrorSource = status < 500 ? "user" : "upstream",
): RequestError {
  const headers = {
    [responseHeaders.errorSource]: source,
    // A code only: what it is about is in the body, which fewer places write down.
    [responseHeaders.errorDetail]: code,
    ...(status === 405 ? { allow: "POST" } : {}),
    ...(status === 503 ? { "retry-after": "5" } : {}),
  };
  return {
    status,
    headers,
    error: { message, type: status < 500 ? "invalid_request_error" : "server_error", param, code },
  };
}

/**
 * What the caller can end by signing its user in again: 401 with a challenge, the demand included. Sources:
 * learn.microsoft.com, identity-platform/claims-challenge; RFC 9470 section 3.
 */
export function signInChallenge(error: HostedAgentIdentityError): RequestError {
  const { status, headers, error: refusal } = requestError(401, error.code, `${error.message} ${error.help}`);
  const parameters = Object.entries({ realm: "", ...demandOf(error) });
  const challenge = `Bearer ${parameters.map(([name, value]) => `${name}="${value}"`).join(", ")}`;
  return {
    status,
    headers: { ...headers, "www-authenticate": challenge },
    error: { ...refusal, type: "authentication_error" },
  };
}

/** The parameters of a challenge. None of the values can hold a quote. */
function demandOf(error: HostedAgentIdentityError): Readonly<Record<string, string>> {
  const claims = isTokenExchangeError(error) ? error.claims : undefined;
  if (claims !== undefined)
    return { error: "insufficient_claims", claims: Buffer.from(claims, "utf8").toString("base64") };
  if (error.authentication === undefined) return { error: "invalid_token" };
  const { acrValues, maxAgeS } = error.authentication;
  return {
    error: "insufficient_user_authentication",
    ...(acrValues === undefined ? {} : { acr_values: acrValues.join(" ") }),
    ...(maxAgeS === undefined ? {} : { max_age: String(maxAgeS) }),
  };
}

/** Whether an error is one that a new sign-in at the caller ends. */
export function wantsSignIn(error: HostedAgentIdentityError | undefined): error is HostedAgentIdentityError {
  return error?.category === "signin" || error?.category === "stepup";
}
