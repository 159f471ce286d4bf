import { consentLinkOption, type ConsentLink } from "../consent/consent-link.js";
import { consentLinkPolicy } from "../consent/link-policy.js";
import { audiencesOf } from "../entra/token-claims.js";
import { subjectOf } from "../entra/token-subject.js";
import {
  ConsentRequest,
  ConsentRequiredError,
  errorCodes,
  HostedAgentIdentityError,
  isTokenExchangeError,
  type ConsentReason,
  type ErrorCode,
} from "../errors.js";
import { entraAppInternals, openAppOption, type EntraApp } from "../exchange/entra-app.js";
import { exchangeOnBehalfOf, type OnBehalfOfRequest } from "../exchange/token-request.js";
import type { ExchangedToken } from "../exchange/token-answer.js";
import { optional } from "../options/checks.js";
import { readOptions, type OptionTable } from "../options/option-table.js";
import type { SourceKind } from "./source-kinds.js";
import {
  sameForAllServers,
  tenantGate,
  type TokenSource,
  type TokenAnswer,
  type TokenRequest,
} from "./token-source.js";

/** How consent is asked for. */
export interface OnBehalfOfOptions {
  /** Makes the link when Entra says that consent is missing: `entraConsentLink()` or `adminConsentLink()`. */
  readonly consentLink?: ConsentLink;
}

/**
 * Exchanges the user token, whose audience is this app, for a token of the resource that still stands for
 * the user: OAuth 2.0 on-behalf-of. Every answer is proven to be the user's own before it is used.
 *
 * Entry point: `hosted-agent-identity`.
 * Source: learn.microsoft.com, identity-platform/v2-oauth2-on-behalf-of-flow.
 *
 * Its refusals reach the caller of the access: `ConsentRequiredError`, `consent_link_missing`,
 * `sign_in_required`, `step_up_required`, `token_exchange_failed`, `wrong_user`.
 *
 * @example
 * ```ts
 * import { entraConsentLink, onBehalfOf, userAccess, type EntraApp, type ProtectedResource } from "hosted-agent-identity";
 *
 * export function access(app: EntraApp, contacts: ProtectedResource) {
 *   const consentLink = entraConsentLink({ app, redirectUri: "https://chat.example.com/consented" });
 *   return userAccess(contacts, [onBehalfOf(app, { consentLink })]);
 * }
 * ```
 * @group Tokens
 */
export function onBehalfOf(app: EntraApp, options: OnBehalfOfOptions = {}): TokenSource {
  openAppOption.read(app, "onBehalfOf: app");
  const settings = readOptions("onBehalfOf", onBehalfOfOptions, options);
  const { facts, now } = entraAppInternals(app);
  const source = Object.freeze<TokenSource>({
    kind: "on_behalf_of" satisfies SourceKind,
    provesUser: true,
    cacheScope: `${facts.cloud.loginEndpoint} ${facts.clientId}`,
    usesAssertion: true,
    cached: true,
    allows: tenantGate(facts),
    skip: (request) => assertionSkip(request, facts.audiences, now()),
    acquire: (request) =>
      answerByExchange(request, (exchange) => exchangeOnBehalfOf(entraAppInternals(app), exchange), {
        source: "on_behalf_of",
        consentLink: settings.consentLink,
        loginEndpoint: facts.cloud.loginEndpoint,
        withoutLink: "consent_link_missing",
      }),
  });
  return sameForAllServers(source, app);
}

/** The options of {@link onBehalfOf}. */
export const onBehalfOfOptions: OptionTable<OnBehalfOfOptions> = {
  consentLink: optional(consentLinkOption),
};

/** How a source that exchanges user tokens answers. */
interface ExchangeAnswerOptions {
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
    const message = `${errorCodes[withoutLink].title} ${cause.message}`;
    const missing = new HostedAgentIdentityError(withoutLink, message, { cause });
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
