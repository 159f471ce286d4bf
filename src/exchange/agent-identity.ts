import { runWithoutUserContext } from "../context/ambient.js";
import { tokenEndpoint } from "../entra/clouds.js";
import type { ClientAuthentication } from "./credential.js";
import { type EntraAppInternals, clientAssertions } from "./entra-app.js";
import type { IssuedTokens } from "./token-answer.js";
import { requestTokens, exchangeOnBehalfOf, type OnBehalfOfRequest } from "./token-request.js";

/** An agent identity: a service principal of one tenant, without credentials. */
export interface AgentIdentity {
  readonly agentIdentityId: string;
  readonly tenantId: string;
}

/**
 * Exchanges a user token, whose audience is the blueprint, as the agent identity. It proves itself with the
 * blueprint's exchange token. The account must be of the agent identity's tenant.
 * Source: learn.microsoft.com, entra/agent-id/agent-on-behalf-of-oauth-flow. Throws
 * {@link TokenExchangeError}, `wrong_user`, `client_credential_failed`.
 */
export async function exchangeAsAgentIdentity(
  blueprint: EntraAppInternals,
  identity: AgentIdentity,
  request: OnBehalfOfRequest,
): Promise<IssuedTokens> {
  return exchangeOnBehalfOf(clientOf(blueprint, identity), { ...request, agentStep: "on_behalf_of" });
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
    facts: {
      ...facts,
      clientId,
      tenantId: identity.tenantId,
      allowedTenants: typeof facts.allowedTenants === "function" ? facts.allowedTenants : [identity.tenantId],
    },
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
 * The blueprint's token for the exchange, which names the agent identity (`fmi_path`). Many users wait for the same one,
 * so only the blueprint's timeout ends the request, and no caller's signal. The tenant is the agent identity's: with the
 * blueprint's own, Entra would refuse the next step (AADSTS700211).
 */
async function exchangeToken(
  blueprint: EntraAppInternals,
  { agentIdentityId, tenantId }: AgentIdentity,
): Promise<ClientAuthentication> {
  const { token, expiresAt } = await requestTokens(blueprint, {
    tenantId,
    account: "nobody",
    agentStep: "exchange_token",
    // The exchange that waits for it is tried again as a whole.
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
