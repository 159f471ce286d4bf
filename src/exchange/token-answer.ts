import type { AgentStep } from "../entra/agent-aadsts.js";
import { classifyRefusal, readRefusal } from "../entra/classify.js";
import type { TokenClaims } from "../entra/token-claims.js";
import {
  HostedAgentIdentityError,
  TokenExchangeError,
  type ErrorCategory,
  type ErrorCode,
} from "../errors.js";
import { emit } from "../events/events.js";
import type { EntraAppInternals } from "./entra-app.js";
import type { RawAnswer } from "./network-module.js";
import {
  verifySubjectByAccessToken,
  verifyTokenSubject,
  type ExpectedAccount,
} from "./verify-token-subject.js";

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
