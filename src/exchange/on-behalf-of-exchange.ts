import type { AgentStep } from "../entra/agent-aadsts.js";
import { digest } from "../sealing/digest.js";
import type { EntraAppInternals } from "./entra-app.js";
import type { IssuedTokens } from "./token-answer.js";
import { requestTokens } from "./token-request.js";
import type { ExpectedAccount } from "./verify-token-subject.js";

/** One exchange of a user token for a token of a resource. */
export interface OnBehalfOfRequest {
  /** The address of the resource: what the exchange is for. */
  readonly resource: string;
  readonly assertion: string;
  /** The account of the assertion: it decides the tenant, and what comes back must be its own. */
  readonly account: ExpectedAccount;
  readonly scopes: readonly string[];
  /** A claims challenge to meet, as a JSON string. */
  readonly claims: string | undefined;
  /** The step of the agent identity flow that this is, where an agent identity exchanges. */
  readonly agentStep?: AgentStep | undefined;
  readonly signal: AbortSignal;
}

/**
 * Exchanges a user token at the configured cloud, in the assertion's tenant. The refresh token that comes along is for
 * work that goes on after the user token has expired.
 * Source: learn.microsoft.com, identity-platform/v2-oauth2-on-behalf-of-flow; RFC 7523 section 2.1.
 * Throws {@link TokenExchangeError}, `wrong_user`, `client_credential_failed`.
 */
export async function exchangeOnBehalfOf(
  app: EntraAppInternals,
  request: OnBehalfOfRequest,
): Promise<IssuedTokens> {
  return requestTokens(app, {
    tenantId: request.account.tid,
    account: request.account,
    agentStep: request.agentStep,
    exchange: digest("on_behalf_of", request.resource, request.scopes, request.claims),
    signal: request.signal,
    send: (client) =>
      client.acquireTokenOnBehalfOf({
        oboAssertion: request.assertion,
        scopes: [...request.scopes],
        skipCache: true,
        ...(request.claims === undefined ? {} : { claims: request.claims }),
      }),
  });
}
