import { authorizeEndpoint } from "../entra/clouds.js";
import {
  type ConsentRequest,
  errorCodes,
  type HostedAgentIdentityError,
  isUserTokenError,
  type ErrorCode,
} from "../errors.js";
import { pagesAnswer, type AskedRequest } from "./pages.js";
import type { GateSettings } from "./settings.js";

/**
 * The answer to a refused request. It says what would be accepted, and shows nothing of the token.
 * @group MCP server
 */
export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: string;
}

/** How one server refuses. */
export interface Refusals {
  /** No token came at all. RFC 6750 section 3.1: then only the scheme is said. */
  noToken(): Refusal;
  /** The request has several tokens. */
  severalTokens(): Refusal;
  /** The error of a refused token; rethrows any other error. */
  notVerified(error: unknown): Refusal;
  /** The scopes that the call needs, short names; none where no scope would help. */
  insufficientScope(scopes: readonly string[]): Refusal;
  /** A claims request for Entra, as JSON, and the tenant to ask. */
  insufficientClaims(claims: string, tenantId: string): Refusal;
  /** The caller's user has to sign in again; no claims say how. */
  newSignIn(): Refusal;
  /** The answer that asks the user to open pages, or says that the client does not take them. */
  withPages(asked: AskedRequest | undefined, requests: readonly ConsentRequest[]): Refusal;
  /** A token for another resource could not be had, and nothing that the caller can do would help. */
  downstreamFailed(error: HostedAgentIdentityError, id: unknown): Refusal;
}

/**
 * Challenges as both ends of this package, the MCP SDKs and Microsoft's clients read them. No message of an error goes
 * out: those name the audience, tenant and client of the token. Source: RFC 6750 section 3, RFC 9728 section 5.1;
 * learn.microsoft.com, identity-platform/claims-challenge.
 */
export function refusals(settings: GateSettings): Refusals {
  const { metadataUrl, app, qualified } = settings;
  const scopeOf = (scopes: readonly string[]): string => scopes.map(qualified).join(" ");
  const metadata = { resource_metadata: metadataUrl };
  const everyCall = { scope: scopeOf(settings.scopes), ...metadata };

  return {
    noToken: () =>
      challenge(401, everyCall, { error: "invalid_token", error_description: "A token is needed." }),
    severalTokens: () => {
      const fault = { error: "invalid_request", error_description: "Send exactly one token." };
      return challenge(400, { ...fault, ...metadata }, fault);
    },
    notVerified(error) {
      if (!isUserTokenError(error)) throw error;
      if (error.status === 503) return unavailable(error.code, error.retryAfterMs);
      const fault = { error: "invalid_token", error_description: titleOf(error.code) };
      return challenge(401, { ...fault, ...everyCall }, fault);
    },
    insufficientScope(scopes) {
      const fault = {
        error: "insufficient_scope",
        error_description: "This call needs more than the token allows.",
      };
      const scope: Record<string, string> = scopes.length === 0 ? {} : { scope: scopeOf(scopes) };
      return challenge(403, { ...fault, ...scope, ...metadata }, fault);
    },
    insufficientClaims(claims, tenantId) {
      const fault = {
        error: "insufficient_claims",
        error_description: "This call needs a stronger or newer sign-in.",
      };
      const parameters = {
        realm: "",
        authorization_uri: authorizeEndpoint(app.cloud, tenantId),
        ...fault,
        claims: Buffer.from(claims).toString("base64"),
        ...metadata,
      };
      return challenge(401, parameters, fault);
    },
    newSignIn() {
      const fault = { error: "invalid_token", error_description: titleOf("sign_in_required") };
      return challenge(401, { ...fault, ...everyCall }, fault);
    },
    withPages(asked, requests) {
      const asks = asked !== undefined && asked.pages !== "undeclared";
      // Of MCP 2026-07-28 400 is said, of earlier versions nothing.
      const status = asks ? 200 : asked?.isModern === true ? 400 : 403;
      return json(status, {}, pagesAnswer(asked, requests));
    },
    downstreamFailed({ code, category, retryAfterMs }, id = null) {
      if (category === "retry" || category === "throttle") return unavailable(code, retryAfterMs);
      const status = category === "blocked" || category === "admin" ? 403 : 500;
      return json(
        status,
        {},
        { jsonrpc: "2.0", id, error: { code: -32603, message: titleOf(code), data: { code } } },
      );
    },
  };
}

/** What is wrong with a refused token, in general words without its values. */
export function titleOf(code: ErrorCode): string {
  return errorCodes[code].title;
}

/** An answer in the shape of JSON-RPC, for what is wrong with a message or its session. */
export function rpcRefusal(status: number, code: number, message: string): Refusal {
  return json(status, {}, { jsonrpc: "2.0", error: { code, message }, id: null });
}

function unavailable(code: ErrorCode, retryAfterMs = 1000): Refusal {
  const body = { error: "temporarily_unavailable", error_description: titleOf(code) };
  return json(503, { "retry-after": String(Math.ceil(retryAfterMs / 1000)) }, body);
}

function challenge(status: number, parameters: Readonly<Record<string, string>>, body: object): Refusal {
  const text = Object.entries(parameters).map(([name, value]) => `${name}="${quotable(value)}"`);
  return json(status, { "www-authenticate": `Bearer ${text.join(", ")}` }, body);
}

function json(status: number, headers: Readonly<Record<string, string>>, body: object): Refusal {
  return {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
    body: JSON.stringify(body),
  };
}

/** Printable ASCII without quotes and backslashes, as RFC 6750 section 3 has it. */
function quotable(value: string): string {
  return value.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, "?");
}
