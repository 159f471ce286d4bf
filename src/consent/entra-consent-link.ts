import {
  authorizeEndpoint,
  adminConsentEndpoint,
  allowsTenant,
  appFactsOption,
  type EntraAppFacts,
} from "../entra/clouds.js";
import { check, oneOf, optional, isLoopback } from "../options/checks.js";
import { readOptions, type OptionCheck, type OptionTable } from "../options/option-table.js";
import type { ConsentLink, ConsentLinkInput, MadeConsentLink } from "./consent-link.js";
import { consentLinkPolicy, linkFault } from "./link-policy.js";
import { type Runtime, runtimeOptions, type RandomBytes } from "../runtime/runtime.js";

/** How an administrator's consent link is made. */
export interface AdminConsentLinkOptions extends Pick<Runtime, "random"> {
  /** The app that needs consent: what `entraApp()` returned. */
  readonly app: EntraAppFacts;
  /**
   * Where Entra sends the person afterwards: a redirect URI of type web of that app, for example the page in
   * `examples/consent-landing`.
   */
  readonly redirectUri: string;
}

/** How a consent link is made. */
export interface EntraConsentLinkOptions extends AdminConsentLinkOptions {
  /**
   * Forces a step of the sign-in. Left out, Entra asks only for what is missing: `consent` would show the
   * screen again to somebody whose administrator has consented already, and refuse it to people who may not
   * consent themselves. Without a user name to hint at, the account is asked for.
   */
  readonly prompt?: "consent" | "select_account" | "login";
}

/**
 * A link to Entra's own consent screen, for this app and the scopes of one resource. Nothing comes back that
 * is of use: `state` is random and the code is bound to a PKCE verifier that nobody knows, so it cannot be
 * redeemed. Proof of consent is only the next exchange. Throws `invalid_option`.
 *
 * Entry point: `hosted-agent-identity`.
 * Source: learn.microsoft.com, identity-platform/v2-oauth2-auth-code-flow and reply-url.
 *
 * @example
 * ```ts
 * import { entraConsentLink, onBehalfOf, type EntraApp } from "hosted-agent-identity";
 *
 * export function source(app: EntraApp) {
 *   return onBehalfOf(app, { consentLink: entraConsentLink({ app, redirectUri: "https://chat.example.com/consented" }) });
 * }
 * ```
 * @group Consent
 */
export function entraConsentLink(options: EntraConsentLinkOptions): ConsentLink {
  const settings = readOptions("entraConsentLink", entraConsentLinkOptions, options);
  const { app, prompt, redirectUri, random } = settings;
  const make = (input: ConsentLinkInput) => {
    const hint = input.user?.username;
    return linkInTenantOf(app, input, authorizeEndpoint, {
      client_id: app.clientId,
      response_type: "code",
      response_mode: "query",
      redirect_uri: redirectUri,
      scope: input.scopes.join(" "),
      state: unguessable(random),
      code_challenge: unguessable(random),
      code_challenge_method: "S256",
      login_hint: hint,
      prompt: prompt ?? (hint === undefined ? "select_account" : undefined),
      claims: input.claims,
    });
  };
  return Object.assign(make, { kind: "user" as const });
}

/**
 * A link with which an administrator consents for everybody of the tenant. What comes back is shown and never
 * trusted. Throws `invalid_option`.
 *
 * Entry point: `hosted-agent-identity`.
 * Source: learn.microsoft.com, identity-platform/v2-admin-consent.
 *
 * @example
 * ```ts
 * import { adminConsentLink, onBehalfOf, type EntraApp } from "hosted-agent-identity";
 *
 * export function source(app: EntraApp) {
 *   return onBehalfOf(app, { consentLink: adminConsentLink({ app, redirectUri: "https://chat.example.com/consented" }) });
 * }
 * ```
 * @group Consent
 */
export function adminConsentLink(options: AdminConsentLinkOptions): ConsentLink {
  const { app, redirectUri, random } = readOptions("adminConsentLink", adminConsentLinkOptions, options);
  const make = (input: ConsentLinkInput) =>
    linkInTenantOf(app, input, adminConsentEndpoint, {
      client_id: app.clientId,
      redirect_uri: redirectUri,
      scope: input.scopes.join(" "),
      state: unguessable(random),
    });
  return Object.assign(make, { kind: "admin" as const });
}

/** A link into the user's own tenant, if it is allowed: a guest's consent belongs to the tenant of the token. */
function linkInTenantOf(
  app: EntraAppFacts,
  { user }: ConsentLinkInput,
  endpointOf: typeof authorizeEndpoint,
  parameters: Record<string, string | undefined>,
): MadeConsentLink | Promise<MadeConsentLink> {
  const linkInto = (tenantId: string) => linkTo(app, endpointOf(app.cloud, tenantId), parameters);
  if (user === undefined) return linkInto(app.tenantId);
  const chosen = (isAllowed: boolean) => linkInto(isAllowed ? user.tid : app.tenantId);
  const allowed = allowsTenant(app, user.tid);
  return typeof allowed === "boolean" ? chosen(allowed) : allowed.then(chosen);
}

function linkTo(
  app: EntraAppFacts,
  endpoint: string,
  parameters: Record<string, string | undefined>,
): { link: string } {
  const url = new URL(endpoint);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  consentLinkPolicy({ allowedOrigins: [app.cloud.loginEndpoint] }).check(url.href);
  return { link: url.href };
}

function unguessable(random: RandomBytes): string {
  return Buffer.from(random(32)).toString("base64url");
}

/** Entra's rules for redirect URIs; what it would refuse only on the person's screen is refused here. */
const redirectUriCheck: OptionCheck<string> = check<string>(
  "text",
  "an https address of at most 256 characters without fragment or any of ! $ ' ( ) , ; * (http only for localhost)",
  (value: string) => {
    if (linkFault(value) !== undefined || value.length > 256 || /[!$'(),;*]/.test(value)) return false;
    const { protocol, hostname, hash } = new URL(value);
    const local = isLoopback(hostname) && hostname !== "[::1]";
    return (protocol === "https:" || local) && hash === "";
  },
);

/** The options of {@link adminConsentLink}. */
export const adminConsentLinkOptions: OptionTable<AdminConsentLinkOptions, "random"> = {
  app: appFactsOption,
  redirectUri: redirectUriCheck,
  random: runtimeOptions.random,
};

/** The options of {@link entraConsentLink}. */
export const entraConsentLinkOptions: OptionTable<EntraConsentLinkOptions, "random"> = {
  ...adminConsentLinkOptions,
  prompt: optional(oneOf("consent", "select_account", "login")),
};
