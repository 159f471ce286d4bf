import type { ConsentLink } from "../consent/consent-link.js";
import { consentLinkPolicy } from "../consent/link-policy.js";
import { audiencesOf } from "../entra/token-claims.js";
import { subjectOf } from "../entra/token-subject.js";
import {
  ConsentRequest,
  ConsentRequiredError,
  HostedAgentIdentityError,
  isTokenExchangeError,
  type ConsentReason,
  type ErrorCode,
} from "../errors.js";
import type { OnBehalfOfRequest } from "../exchange/on-behalf-of-exchange.js";
import type { ExchangedToken } from "../exchange/token-answer.js";
import type { TokenAnswer, TokenRequest, TokenSource } from "./token-source.js";

/** How a source that exchanges user tokens answers. */
export interface ExchangeAnswerOptions {
  /** The kind of the source. */
  readonly source: string;
  readonly consentLink: ConsentLink | undefined;
  readonly loginEndpoint: string;
  /** What missing consent is when there is no link. */
  readonly withoutLink: ErrorCode;
}

/** Exchanges the user token of a request, and answers with the token or with what the user can do. */
export async function answerByExchange(
  request: TokenRequest,
  exchange: (request: OnBehalfOfRequest) => Promise<ExchangedToken>,
  options: ExchangeAnswerOptions,
): Promise<TokenAnswer> {
  const { assertion, context, resource, scopes, claims, signal } = request;
  if (assertion === undefined || context.user === undefined)
    return { status: "skipped", reason: "no_user_token", detail: "the request brought no user token." };
  try {
    // By name: the answer may hold a refresh token as well, which no caller may see.
    const { token, expiresAt, refreshAt } = await exchange({
      resource: resource.url,
      assertion: assertion.token,
      account: context.user,
      scopes,
      claims,
      signal,
    });
    return { status: "token", token: { token, expiresAt, refreshAt, source: options.source } };
  } catch (cause) {
    return answerForRefusal(cause, request, options);
  }
}

/** The checks that need no network: Entra would refuse each with a code that says less. */
export function assertionSkip(
  { assertion }: TokenRequest,
  audiences: readonly string[],
  now: number,
): ReturnType<TokenSource["skip"]> {
  if (assertion === undefined)
    return {
      reason: "no_user_token",
      detail: "the request brought no user token; send it in x-client-user-token.",
    };
  const { claims } = assertion;
  const actual = audiencesOf(claims);
  if (assertion.use !== "app" || !actual.some((audience) => audiences.includes(audience))) {
    const expected = audiences.map((audience) => JSON.stringify(audience)).join(" or ");
    return {
      reason: "wrong_audience",
      detail: `the user token's audience is ${JSON.stringify(actual[0])}, an exchange needs ${expected}; let the caller ask for a scope of this app.`,
    };
  }
  const subject = subjectOf(claims);
  switch (subject.kind) {
    case "person":
      break;
    case "application":
      return {
        reason: "app_only",
        detail: "the token stands for an application; an exchange needs a person's token.",
      };
    case "agent_user":
      return {
        reason: "app_only",
        detail: "the token stands for an agent's own user account; an exchange needs a person's token.",
      };
    case "unclear":
      return {
        reason: "no_delegated_scope",
        detail: `the user token stands for nobody, since ${subject.detail}; let the caller sign the user in with a scope of this app.`,
      };
  }
  if (typeof claims.exp !== "number" || claims.exp * 1000 <= now) {
    return {
      reason: "expired",
      detail: `the user token expired at ${new Date((claims.exp ?? 0) * 1000).toISOString()}; send a fresh one.`,
    };
  }
  return undefined;
}

/** What a refused exchange asks of the user. A refusal that no user can end is thrown. */
async function answerForRefusal(
  cause: unknown,
  request: TokenRequest,
  { consentLink, loginEndpoint, withoutLink }: ExchangeAnswerOptions,
): Promise<TokenAnswer> {
  if (!isTokenExchangeError(cause)) throw cause;
  if (cause.category === "signin" || cause.category === "stepup")
    return { status: "needs", error: cause, requests: [] };
  if (cause.category !== "consent") throw cause;
  if (consentLink === undefined) {
    const missing = new HostedAgentIdentityError(withoutLink, undefined, { cause });
    return { status: "needs", error: missing, requests: [] };
  }
  const reason: ConsentReason = consentLink.kind === "admin" ? "admin_consent" : "consent";
  const { serverLabel } = request.resource;
  const made = await consentLink({
    serverLabel,
    scopes: request.scopes,
    reason,
    user: request.context.user,
    claims: cause.claims,
  });
  // Whoever made the link: it is shown only if it leads to where it was said to lead.
  consentLinkPolicy({ allowedOrigins: consentLink.allowedOrigins ?? [loginEndpoint] }).check(made.link);
  const consent = new ConsentRequest({ link: made.link, serverLabel, reason, expiresAt: made.expiresAt });
  return { status: "needs", error: new ConsentRequiredError([consent], { cause }), requests: [consent] };
}
