import type { ErrorCode, HostedAgentIdentityError } from "../errors.js";
import type { EnvelopeCode } from "../errors/envelope-codes.js";
import type { SignInInfo } from "../foundry/events.js";
import { responseHeaders, type ErrorSource } from "../foundry/headers.js";
import { signInInfo } from "./failure.js";

/** An answer that is an error: the platform's envelope, and its headers. */
export interface RequestError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
    /** What is wrong with each field of a request that does not fit the schema. */
    readonly details?: readonly ErrorDetail[];
    readonly additionalInfo?: SignInInfo | undefined;
  };
}

/** One fault of a request. `param` is a path, `$.metadata.color`. */
export interface ErrorDetail {
  readonly type: "invalid_request_error";
  readonly code: "invalid_value";
  readonly message: string;
  readonly param: string;
}

/** A refusal of the request as such. Source: Azure.AI.AgentServer.Responses, docs/api-behaviour-contract.md. */
export function requestError(
  status: number,
  code: EnvelopeCode | ErrorCode,
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
 * The refusal of a request whose fields are not as the schema says. `param` is for a fault that older hosts name
 * without the path. Source: api-behaviour-contract.md of Azure.AI.AgentServer.Responses, B29, whose `details` these are.
 */
export function invalidFields(details: readonly ErrorDetail[], param?: string): RequestError {
  const [first] = details;
  const many = details.length > 1 ? `${details.length} fields of the request are not valid. The first: ` : "";
  const message = `${many}${first?.param.replace("$.", "") ?? ""}: ${first?.message ?? ""}`;
  const refusal = requestError(400, "invalid_value", message, param ?? first?.param ?? null);
  return { ...refusal, error: { ...refusal.error, details } };
}

/**
 * What the caller can end by signing its user in again: 401 with a challenge, the demand included. Sources:
 * learn.microsoft.com, identity-platform/claims-challenge; RFC 9470 section 3.
 */
export function signInChallenge(error: HostedAgentIdentityError): RequestError {
  const { status, headers, error: refusal } = requestError(401, error.code, `${error.message} ${error.help}`);
  const info = signInInfo(error);
  const parameters = Object.entries({ realm: "", ...challengeOf(info) });
  // None of the values can hold a quote.
  const challenge = `Bearer ${parameters.map(([name, value]) => `${name}="${value}"`).join(", ")}`;
  return {
    status,
    headers: { ...headers, "www-authenticate": challenge },
    error: { ...refusal, type: "authentication_error", additionalInfo: info },
  };
}

function challengeOf(info: SignInInfo | undefined): Readonly<Record<string, string | number>> {
  if (info === undefined) return { error: "invalid_token" };
  const { claims } = info;
  if (claims === undefined) return { error: "insufficient_user_authentication", ...info };
  return { error: "insufficient_claims", claims: Buffer.from(claims, "utf8").toString("base64") };
}
