import { consentLinkOption, type ConsentLink } from "../consent/consent-link.js";
import { clientOption, tenantOption } from "../entra/clouds.js";
import { invalid } from "../options/invalid.js";
import { optional } from "../options/checks.js";
import { readOptions, type OptionTable } from "../options/option-table.js";
import { exchangeAsAgentIdentity, type AgentIdentity } from "../exchange/agent-identity.js";
import { entraAppInternals, openAppOption, type EntraApp } from "../exchange/entra-app.js";
import { answerByExchange, assertionSkip } from "./on-behalf-of.js";
import { sameForAllServers, tenantGate, type TokenSource } from "./token-source.js";
import type { SourceKind } from "./source-kinds.js";

/** Which agent identity acts, and through which blueprint. */
export interface AgentOnBehalfOfOptions {
  /**
   * The agent identity blueprint, as an `entraApp()` with the blueprint's client id and a credential of its
   * own. Give it to `userTokenVerifier()` too: the user tokens that this source takes are meant for it.
   */
  readonly blueprint: EntraApp;
  /** The client id of the agent identity (a GUID), which was made from the blueprint. */
  readonly agentIdentityId: string;
  /**
   * The tenant that the agent identity is in; only users of this tenant, guests included, are served.
   * Default: the blueprint's home tenant.
   */
  readonly tenantId?: string;
  /**
   * Makes the link when consent is missing: `adminConsentLink()`, because agent identities have no consent
   * screen. With `app: blueprint` it asks for what the agent identities inherit.
   */
  readonly consentLink?: ConsentLink;
}

/**
 * Exchanges the user token, whose audience is the agent identity **blueprint**, for a token of the resource
 * that stands for the user and names the agent identity as its client (`azp`): Entra Agent ID's on-behalf-of
 * flow. The blueprint gets an exchange token for the agent identity first; it is shared by all users. Every
 * answer is proven to be the user's own before it is used: by its id token, or where it has none, by the
 * `tid`, `oid` and client that the access token itself names; a token that cannot be read proves nothing.
 *
 * Entry point: `hosted-agent-identity`.
 * Source: learn.microsoft.com, entra/agent-id/agent-on-behalf-of-oauth-flow and agent-token-claims.
 *
 * Its refusals reach the caller of the access: `ConsentRequiredError` with a `consentLink`, or else
 * `agent_consent_missing`, `sign_in_required`, `step_up_required`, `token_exchange_failed`,
 * `client_credential_failed`, `wrong_user`. Throws `invalid_option`.
 *
 * @experimental The flow is documented as a preview and was tested here against an emulator, not a tenant;
 * docs/live-tenant.md lists what only a tenant can prove. May change in a minor release.
 *
 * @example
 * ```ts
 * import { agentOnBehalfOf, certificate, entraApp, userAccess, userTokenVerifier, type ProtectedResource } from "hosted-agent-identity";
 *
 * const blueprint = entraApp({
 *   tenantId: process.env.AZURE_TENANT_ID ?? "",
 *   clientId: process.env.BLUEPRINT_CLIENT_ID ?? "",
 *   credential: certificate({ path: "/mnt/secrets/blueprint.pem" }),
 * });
 * export const verify = userTokenVerifier({ app: blueprint, requiredScopes: ["access_agent"] });
 * export const access = (contacts: ProtectedResource) =>
 *   userAccess(contacts, [agentOnBehalfOf({ blueprint, agentIdentityId: process.env.ENTRA_AGENT_ID ?? "" })]);
 * ```
 * @group Tokens
 */
export function agentOnBehalfOf(options: AgentOnBehalfOfOptions): TokenSource {
  const settings = readOptions("agentOnBehalfOf", agentOnBehalfOfOptions, options);
  const { blueprint, consentLink } = settings;
  const { facts, now } = entraAppInternals(blueprint);
  const identity = checkedIdentity(settings);
  const { agentIdentityId, tenantId } = identity;
  const source = Object.freeze<TokenSource>({
    kind: "agent_on_behalf_of" satisfies SourceKind,
    provesUser: true,
    cacheScope: `${facts.cloud.loginEndpoint} ${facts.clientId} ${agentIdentityId}`,
    usesAssertion: true,
    cached: true,
    allows: tenantGate(facts),
    skip(request) {
      const skip = assertionSkip(request, facts.audiences, now());
      const tid = request.context.user?.tid;
      if (skip !== undefined || tid === undefined || tid === tenantId) return skip;
      return {
        reason: "wrong_tenant",
        detail: `the user token is of the tenant ${JSON.stringify(tid)}, the agent identity is in ${JSON.stringify(tenantId)} and works in no other.`,
      };
    },
    acquire: (request) =>
      answerByExchange(
        request,
        (exchange) => exchangeAsAgentIdentity(entraAppInternals(blueprint), identity, exchange),
        {
          source: "agent_on_behalf_of",
          consentLink,
          loginEndpoint: facts.cloud.loginEndpoint,
          withoutLink: "agent_consent_missing",
        },
      ),
  });
  return sameForAllServers(source, blueprint);
}

/** The options of {@link agentOnBehalfOf}. */
export const agentOnBehalfOfOptions: OptionTable<AgentOnBehalfOfOptions> = {
  blueprint: openAppOption,
  agentIdentityId: clientOption,
  tenantId: optional(tenantOption),
  consentLink: optional(consentLinkOption),
};

function checkedIdentity(options: AgentOnBehalfOfOptions): AgentIdentity {
  const { blueprint, consentLink } = options;
  const agentIdentityId = options.agentIdentityId.toLowerCase();
  const tenantId = (options.tenantId ?? blueprint.tenantId).toLowerCase();
  if (agentIdentityId === blueprint.clientId) {
    throw invalid(
      "agentOnBehalfOf: agentIdentityId",
      "expected the client id of an agent identity, got the blueprint's. Name the agent identity made from it.",
    );
  }
  // A function is asked when a token is: its answer can change.
  if (typeof blueprint.allowedTenants !== "function" && !blueprint.allowedTenants.includes(tenantId)) {
    throw invalid(
      "agentOnBehalfOf: tenantId",
      "expected a tenant that is in allowedTenants of the blueprint's entraApp(). List it there.",
    );
  }
  if (consentLink !== undefined && consentLink.kind !== "admin") {
    throw invalid(
      "agentOnBehalfOf: consentLink",
      "expected adminConsentLink(), because agent identities have no consent screen (AADSTS82014).",
    );
  }
  return Object.freeze({ agentIdentityId, tenantId });
}
