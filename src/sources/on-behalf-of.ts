import { consentLinkOption, type ConsentLink } from "../consent/consent-link.js";
import { entraAppInternals, openAppOption, type EntraApp } from "../exchange/entra-app.js";
import { exchangeOnBehalfOf } from "../exchange/on-behalf-of-exchange.js";
import { optional } from "../options/checks.js";
import { readOptions, type OptionTable } from "../options/option-table.js";
import { answerByExchange, assertionSkip } from "./assertion-exchange.js";
import type { SourceKind } from "./source-kinds.js";
import type { TokenSource } from "./token-source.js";

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
  return Object.freeze<TokenSource>({
    kind: "on_behalf_of" satisfies SourceKind,
    provesUser: true,
    cacheScope: `${facts.cloud.loginEndpoint} ${facts.clientId}`,
    usesAssertion: true,
    cached: true,
    skip: (request) => assertionSkip(request, facts.audiences, now()),
    acquire: (request) =>
      answerByExchange(request, (exchange) => exchangeOnBehalfOf(entraAppInternals(app), exchange), {
        source: "on_behalf_of",
        consentLink: settings.consentLink,
        loginEndpoint: facts.cloud.loginEndpoint,
        withoutLink: "consent_link_missing",
      }),
  });
}

/** The options of {@link onBehalfOf}. */
export const onBehalfOfOptions: OptionTable<OnBehalfOfOptions> = {
  consentLink: optional(consentLinkOption),
};
