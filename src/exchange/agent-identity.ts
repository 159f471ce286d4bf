import { runWithoutUserContext } from "../context/ambient.js";
import { digest } from "../sealing/digest.js";
import { tokenEndpoint } from "../entra/clouds.js";
import { clientAssertions } from "./client-assertions.js";
import type { ClientAuthentication } from "./credential.js";
import type { EntraAppInternals } from "./entra-app.js";
import { requestTokens, type ExchangedToken } from "./token-request.js";
import type { ExpectedAccount } from "./verify-token-subject.js";

/** An agent identity: a service principal of one tenant, without credentials. */
export interface AgentIdentity {
  readonly agentIdentityId: string;
  readonly tenantId: string;
}

/** One exchange of a user token, whose audience is the blueprint, as the agent identity. */
export interface AgentOnBehalfOfRequest {
  /** The address of the resource: what the exchange is for. */
  readonly resource: string;
  readonly assertion: string;
  /** The account of the assertion, of the agent identity's tenant: what comes back must be its own. */
  readonly account: ExpectedAccount;
  readonly scopes: readonly string[];
  /** A claims challenge to meet, as a JSON string. */
  readonly claims: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Exchanges a user token as the agent identity, which proves itself with the blueprint's exchange token.
 * Source: learn.microsoft.com, entra/agent-id/agent-on-behalf-of-oauth-flow. Throws
 * {@link TokenExchangeError}, `wrong_user`, `client_credential_failed`.
 */
export async function exchangeAsAgentIdentity(
  blueprint: EntraAppInternals,
  identity: AgentIdentity,
  request: AgentOnBehalfOfRequest,
): Promise<ExchangedToken> {
  const { token, expiresAt, refreshAt } = await requestTokens(clientOf(blueprint, identity), {
    tenantId: request.account.tid,
    account: request.account,
    agentStep: "on_behalf_of",
    exchange: digest("agent_on_behalf_of", request.resource, request.scopes, request.claims),
    signal: request.signal,
    send: (client) =>
      client.acquireTokenOnBehalfOf({
        oboAssertion: request.assertion,
        scopes: [...request.scopes],
        skipCache: true,
        ...(request.claims === undefined ? {} : { claims: request.claims }),
      }),
  });
  return { token, expiresAt, refreshAt };
}

/** The agent identity as a confidential client. It keeps the exchange token, which serves all sources that name it. */
function clientOf(blueprint: EntraAppInternals, identity: AgentIdentity): EntraAppInternals {
  const { agentIdentities } = blueprint;
  const key = `${identity.tenantId} ${identity.agentIdentityId}`;
  const client = agentIdentities.get(key) ?? agentIdentityClient(blueprint, identity);
  agentIdentities.set(key, client);
  return client;
}

function agentIdentityClient(blueprint: EntraAppInternals, identity: AgentIdentity): EntraAppInternals {
  const { facts, now, fetch } = blueprint;
  const clientId = identity.agentIdentityId;
  const assertions = clientAssertions(
    { authenticate: () => exchangeToken(blueprint, identity) },
    blueprint.clocks,
  );
  return {
    ...blueprint,
    facts: { ...facts, clientId, tenantId: identity.tenantId, allowedTenants: [identity.tenantId] },
    authenticate: (tenant, refused, signal) =>
      runWithoutUserContext(() =>
        assertions.authenticate({
          clientId,
          tokenEndpoint: tokenEndpoint(facts.cloud, tenant),
          tokenExchangeAudience: facts.cloud.tokenExchangeAudience,
          refused,
          now,
          newId: () => "",
          fetch,
          signal,
        }),
      ),
  };
}

/**
 * The blueprint's token for the exchange, which names the agent identity (`fmi_path`). Many users wait for the
 * same one, so nobody's signal can cancel it; the blueprint's timeout does. The tenant is the agent
 * identity's: with the blueprint's own, Entra would refuse the next step (AADSTS700211).
 */
async function exchangeToken(
  blueprint: EntraAppInternals,
  { agentIdentityId, tenantId }: AgentIdentity,
): Promise<ClientAuthentication> {
  const { token, expiresAt } = await requestTokens(blueprint, {
    tenantId,
    account: "nobody",
    agentStep: "exchange_token",
    // Whoever waits for it tries again as a whole.
    retries: 0,
    signal: new AbortController().signal,
    send: (client) =>
      client.acquireTokenByClientCredential({
        scopes: [`${blueprint.facts.cloud.tokenExchangeAudience}/.default`],
        fmiPath: agentIdentityId,
        skipCache: true,
      }),
  });
  return { assertion: token, expiresAt };
}
