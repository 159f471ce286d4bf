import type { AgentStep } from "../entra/agent-aadsts.js";
import { classifyRefusal, readRefusal } from "../entra/classify.js";
import { type TokenClaims, audiencesOf, clientOf, decodeClaims, stringClaim } from "../entra/token-claims.js";
import { subjectOf } from "../entra/token-subject.js";
import {
  HostedAgentIdentityError,
  TokenExchangeError,
  type ErrorCategory,
  type ErrorCode,
} from "../errors.js";
import { emit } from "../events/events.js";
import type { EntraAppInternals } from "./entra-app.js";
import type { RawAnswer } from "./network-module.js";

/** What an answer of the token endpoint must prove. */
export interface ExpectedAnswer {
  /**
   * The account the token must belong to; `undefined` when the answer itself says who signed in, "nobody" for an
   * app's own token that goes back to Entra.
   */
  readonly account: ExpectedAccount | "nobody" | undefined;
  /** The step of the agent identity flow that this is: what refusals mean, and what proves the answer. */
  readonly agentStep?: AgentStep | undefined;
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

/** The tokens of a good answer. Throws `entra_bad_response`, `wrong_user`. */
export function tokensFromAnswer(
  app: EntraAppInternals,
  expected: ExpectedAnswer,
  answer: RawAnswer,
): IssuedTokens {
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
  const claims = provenClaims(app, expected, { idToken, token });
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
  { account, agentStep }: ExpectedAnswer,
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

/** What a refusal of the token endpoint means. */
export function errorFromAnswer(
  answer: RawAnswer,
  now: number,
  agentStep: AgentStep | undefined,
): TokenExchangeError {
  const refusal = readRefusal(answer.status, answer.body);
  const { category, code, facts } = classifyRefusal(refusal, agentStep);
  const named = code === undefined ? (refusal.error ?? `HTTP ${answer.status}`) : `AADSTS${code}`;
  const meaning = facts?.meaning ?? "Entra refused the token request.";
  return new TokenExchangeError(codeFor(category), `${safeName(named)}: ${meaning}`, refusal, {
    category,
    help: facts?.fix,
    retryAfterMs:
      category === "retry" || category === "throttle"
        ? retryAfterMs(answer.headers["retry-after"], sentAt(answer.headers["date"], now))
        : undefined,
  });
}

/** OAuth error names are plain ASCII (RFC 6749 section 5.2); anything else is quoted. */
export function safeName(name: string): string {
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

/** When the answer was made, by its own clock: its other dates are meant by that clock, not by ours. */
function sentAt(date: string | undefined, now: number): number {
  const ms = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isFinite(ms) ? ms : now;
}

/** The account a token has to belong to. */
export interface ExpectedAccount {
  readonly tid: string;
  readonly oid: string;
}

/**
 * Proves from the answer itself that its token is the account's: the id token that came with it names the account and
 * our client. It came from the token endpoint over TLS, so its signature adds nothing (OpenID Connect Core 3.1.3.7, 6).
 * The access token is not read: it is meant for the resource. Throws `wrong_user` when the id token is missing,
 * unreadable or another account's. A first sign-in expects no account: the returned claims say who signed in.
 */
function verifyTokenSubject(
  idToken: unknown,
  expected: ExpectedAccount | undefined,
  clientId: string,
): TokenClaims {
  const claims = typeof idToken === "string" ? decodeClaims(idToken) : undefined;
  if (claims === undefined)
    throw wrong("The answer has no id token, so nobody can say whose token it holds.");
  const tid = stringClaim(claims, "tid")?.toLowerCase();
  const oid = stringClaim(claims, "oid")?.toLowerCase();
  const { tid: ownTid, oid: ownOid } = expected ?? { tid, oid };
  if (tid !== ownTid || oid !== ownOid) throw wrong("The answer belongs to another account.");
  if (!audiencesOf(claims).some((audience) => audience.toLowerCase() === clientId)) {
    throw wrong("The answer was made for another client.");
  }
  return claims;
}

/**
 * The same for the answer to an agent identity, which may have no id token: the documentation does not say. Its access
 * token is documented to name the user (`tid`, `oid`) and the agent identity (`azp`). It belongs to the resource and may
 * be unreadable, which proves nothing. Source: entra/agent-id/agent-token-claims.
 * Throws `wrong_user`.
 */
function verifySubjectByAccessToken(
  accessToken: string,
  expected: ExpectedAccount,
  clientId: string,
): TokenClaims {
  const claims = decodeClaims(accessToken);
  const tid = claims && stringClaim(claims, "tid")?.toLowerCase();
  const oid = claims && stringClaim(claims, "oid")?.toLowerCase();
  const isPerson = claims !== undefined && subjectOf(claims).kind === "person";
  if (!isPerson || tid !== expected.tid || oid !== expected.oid) {
    throw wrong("The answer has no id token, and its token does not name the person.");
  }
  if (clientOf(claims)?.toLowerCase() !== clientId)
    throw wrong("The answer was made for another agent identity.");
  return claims;
}

function wrong(message: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("wrong_user", `${message} It was thrown away.`);
}
