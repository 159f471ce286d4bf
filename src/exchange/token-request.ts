import type * as Msal from "@azure/msal-node";
import type { AgentStep } from "../entra/agent-aadsts.js";
import { classifyRefusal, readRefusal } from "../entra/classify.js";
import type { TokenClaims } from "../entra/token-claims.js";
import { emit } from "../events/events.js";
import {
  HostedAgentIdentityError,
  isHostedAgentIdentityError,
  TokenExchangeError,
  type EntraRefusal,
  type ErrorCategory,
  type ErrorCode,
} from "../errors.js";
import type { ClientAuthentication } from "./credential.js";
import { withDeadline } from "../async/deadline.js";
import { pause } from "../async/pause.js";
import type { EntraAppInternals } from "./entra-app.js";
import { capturingNetwork, type RawAnswer } from "./network-module.js";
import {
  verifySubjectByAccessToken,
  verifyTokenSubject,
  type ExpectedAccount,
} from "./verify-token-subject.js";

/** One request of a grant to the token endpoint. */
export interface TokenRequest {
  /** The tenant that is asked: the one of the assertion, or of the account that signed in. */
  readonly tenantId: string;
  /**
   * Whose token must come back; `undefined` when the answer itself tells who signed in, "nobody" for an
   * app's own token that goes back to Entra.
   */
  readonly account: ExpectedAccount | "nobody" | undefined;
  /** The step of the agent identity flow that this is: what refusals mean, and what proves the answer. */
  readonly agentStep?: AgentStep | undefined;
  /**
   * What makes it equal to an earlier request for the same account: resource, scopes, claims. A request that
   * nobody's budget is held against, as that of a person who stands at a page, has none.
   */
  readonly exchange?: string;
  /** How often a passing trouble is tried again. */
  readonly retries?: number;
  readonly signal: AbortSignal;
  /** Lets MSAL make and send the request of the grant. What it makes of the answer is not used. */
  send(client: Msal.ConfidentialClientApplication): Promise<unknown>;
}

/** What the token endpoint gave, proven to be the expected account's. */
export interface IssuedTokens extends ExchangedToken {
  readonly claims: TokenClaims;
  /** From the raw body: MSAL hides it in its cache. */
  readonly refreshToken: string | undefined;
}

/** A token and when it ends, in milliseconds since the epoch. */
export interface ExchangedToken {
  readonly token: string;
  readonly expiresAt: number;
  readonly refreshAt: number;
}

/** How often a passing trouble of Entra is tried again, and how often a refused credential. */
const maxRetries = 2;
const maxCredentialRetries = 1;

/**
 * Asks the configured cloud for tokens: passing trouble is tried again, a refused credential once
 * with its successor, and what comes back is proven to be the account's. Where Entra has asked this
 * account to wait, whichever access it was at, nothing is sent.
 * Throws {@link TokenExchangeError}, `wrong_user`, `client_credential_failed`, `backing_off`.
 */
export async function requestTokens(app: EntraAppInternals, request: TokenRequest): Promise<IssuedTokens> {
  const { account, tenantId, exchange } = request;
  // A person who has just signed in is waited for by nobody, and the app's own token is a step of somebody's exchange.
  if (account === undefined || account === "nobody") return requestInTurn(app, request);
  const { clientId } = app.facts;
  const asking = { clientId, tenantId, principal: account.oid, exchange };
  return app.backOff.run(asking, () => requestInTurn(app, request));
}

async function requestInTurn(app: EntraAppInternals, request: TokenRequest): Promise<IssuedTokens> {
  let refused = 0;
  for (let retries = 0; ;) {
    const outcome = await attempt(app, request, refused);
    if ("token" in outcome) return outcome;
    if (outcome.category === "cred" && refused < maxCredentialRetries) refused += 1;
    else if (isPassing(outcome) && retries < (request.retries ?? maxRetries)) {
      retries += 1;
      await pause(app.backoffMs(retries), request.signal);
    } else throw outcome;
  }
}

/** A wait that Entra asked for is the caller's to spend, and a timeout has already cost enough. */
function isPassing(error: HostedAgentIdentityError): boolean {
  return error.category === "retry" && error.code !== "entra_timeout" && error.retryAfterMs === undefined;
}

type Outcome = IssuedTokens | HostedAgentIdentityError;

async function attempt(app: EntraAppInternals, request: TokenRequest, refused: number): Promise<Outcome> {
  const timedOut = (): Error =>
    new HostedAgentIdentityError("entra_timeout", `Entra did not answer within ${app.timeoutMs} ms.`);
  try {
    return await withDeadline(app.timeoutMs, request.signal, timedOut, async (signal) => {
      const authentication = await app.authenticate(request.tenantId, refused, signal);
      const network = capturingNetwork({
        fetch: app.fetch,
        signal,
        loginEndpoint: app.facts.cloud.loginEndpoint,
      });
      const msalFailure = await post(app, request, authentication, network);
      const failure = network.failure();
      const answer = network.answer();
      if (failure !== undefined) throw failure;
      if (answer === undefined) throw notSent(msalFailure);
      return answer.status === 200
        ? accept(app, request, answer)
        : refuse(answer, app.now(), request.agentStep);
    });
  } catch (cause) {
    if (isHostedAgentIdentityError(cause) && cause.category === "retry") return cause;
    throw cause;
  }
}

/** A private client for each request: nothing of one user is left for the next. See docs/decisions. */
async function post(
  app: EntraAppInternals,
  request: TokenRequest,
  authentication: ClientAuthentication,
  network: ReturnType<typeof capturingNetwork>,
): Promise<unknown> {
  const { ConfidentialClientApplication } = await app.msal();
  const { cloud, clientId } = app.facts;
  const { tenantId } = request;
  const authority = `${cloud.loginEndpoint.replace(/^http:/, "https:")}/${tenantId}`;
  const client = new ConfidentialClientApplication({
    auth: {
      clientId,
      authority,
      knownAuthorities: [new URL(authority).host],
      authorityMetadata: app.authorityMetadata(tenantId),
      clientCapabilities: [...app.capabilities],
      ...("secret" in authentication
        ? { clientSecret: authentication.secret }
        : { clientAssertion: authentication.assertion }),
    },
    system: { networkClient: network, disableInternalRetries: true },
  });
  try {
    await request.send(client);
    return undefined;
  } catch (cause) {
    return cause;
  }
}

function accept(app: EntraAppInternals, request: TokenRequest, answer: RawAnswer): IssuedTokens {
  const {
    access_token: token,
    expires_in: expiresIn,
    refresh_in: refreshIn,
    token_type: type,
    id_token: idToken,
    refresh_token: refreshToken,
  } = answer.body;
  const lifetimeS = seconds(expiresIn);
  if (
    typeof token !== "string" ||
    token === "" ||
    lifetimeS === undefined ||
    typeof type !== "string" ||
    type.toLowerCase() !== "bearer"
  ) {
    throw new HostedAgentIdentityError(
      "entra_bad_response",
      "The token endpoint answered 200 without a bearer token and its lifetime.",
    );
  }
  const claims = provenClaims(app, request, { idToken, token });
  const now = app.now();
  const refreshS = Math.min(seconds(refreshIn) ?? lifetimeS * 0.8, lifetimeS);
  return {
    token,
    expiresAt: now + lifetimeS * 1000,
    refreshAt: now + refreshS * 1000,
    claims,
    refreshToken: typeof refreshToken === "string" && refreshToken !== "" ? refreshToken : undefined,
  };
}

function provenClaims(
  app: EntraAppInternals,
  { account, agentStep }: TokenRequest,
  { idToken, token }: { readonly idToken: unknown; readonly token: string },
): TokenClaims {
  if (account === "nobody") return {};
  try {
    return agentStep !== undefined && idToken === undefined && account !== undefined
      ? verifySubjectByAccessToken(token, account, app.facts.clientId)
      : verifyTokenSubject(idToken, account, app.facts.clientId);
  } catch (cause) {
    emit(app.onEvent, { type: "wrong_user", expected: account?.oid ?? "" });
    throw cause;
  }
}

/** Entra writes numbers; older token services write them as text. */
function seconds(value: unknown): number | undefined {
  const number = typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && number > 0 && number < 1e9 ? number : undefined;
}

function refuse(answer: RawAnswer, now: number, agentStep?: AgentStep): TokenExchangeError {
  const refusal = readRefusal(answer.status, answer.body);
  const { category, code, facts } = classifyRefusal(refusal, agentStep);
  const named = code === undefined ? (refusal.error ?? `HTTP ${answer.status}`) : `AADSTS${code}`;
  const meaning = facts?.meaning ?? "Entra refused the token request.";
  return new TokenExchangeError(codeFor(category), `${safeName(named)}: ${meaning}`, refusal, {
    category,
    ...(facts === undefined ? {} : { help: facts.fix }),
    retryAfterMs:
      category === "retry" || category === "throttle"
        ? retryAfterMs(answer.headers["retry-after"], sentAt(answer.headers["date"], now))
        : undefined,
  });
}

/** OAuth error names are plain ASCII (RFC 6749 section 5.2); anything else is quoted. */
function safeName(name: string): string {
  return /^[\w .-]{1,64}$/.test(name) ? name : JSON.stringify(name.slice(0, 64));
}

const codes: Partial<Record<ErrorCategory, ErrorCode>> = {
  signin: "sign_in_required",
  stepup: "step_up_required",
  cred: "client_credential_failed",
};

function codeFor(category: ErrorCategory): ErrorCode {
  return codes[category] ?? "token_exchange_failed";
}

/** Seconds or an HTTP date (RFC 9110 section 10.2.3), at most an hour. */
function retryAfterMs(value: string | undefined, sentAtMs: number): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d{1,6}$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - sentAtMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 3_600_000) : undefined;
}

/** When the answer was made, by the clock of whoever made it: its dates are meant by that clock, not by ours. */
function sentAt(date: string | undefined, now: number): number {
  const ms = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isFinite(ms) ? ms : now;
}

/** MSAL refused to send the request at all: a configuration it cannot work with. */
function notSent(cause: unknown): HostedAgentIdentityError {
  const code: EntraRefusal["error"] =
    typeof cause === "object" && cause !== null && "errorCode" in cause && typeof cause.errorCode === "string"
      ? cause.errorCode
      : undefined;
  return new TokenExchangeError(
    "token_exchange_failed",
    `The request was not sent: ${safeName(code ?? "unknown reason")}.`,
    { error: code },
  );
}
