import type * as Msal from "@azure/msal-node";
import { withDeadline, pause } from "../async/deadline.js";
import type { AgentStep } from "../entra/agent-aadsts.js";
import { allowsTenant, isGuid, type EntraAppFacts } from "../entra/clouds.js";
import {
  HostedAgentIdentityError,
  isHostedAgentIdentityError,
  TokenExchangeError,
  type EntraRefusal,
} from "../errors.js";
import { digest } from "../sealing/digest.js";
import type { ClientAuthentication } from "./credential.js";
import type { EntraAppInternals } from "./entra-app.js";
import { capturingNetwork } from "./network-module.js";
import {
  errorFromAnswer,
  safeName,
  tokensFromAnswer,
  type ExpectedAnswer,
  type IssuedTokens,
  type ExpectedAccount,
} from "./token-answer.js";

/** One request of a grant to the token endpoint. */
export interface TokenRequest extends ExpectedAnswer {
  /** The tenant that is asked: the one of the assertion, or of the account that signed in. */
  readonly tenantId: string;
  /**
   * Equal for equal requests of one account (resource, scopes, claims), which share a budget. Absent where no budget
   * applies, as for a user who waits at a page.
   */
  readonly exchange?: string;
  /** How often a passing trouble is tried again. */
  readonly retries?: number;
  readonly signal: AbortSignal;
  /** Lets MSAL make and send the request of the grant. What it makes of the answer is not used. */
  send(client: Msal.ConfidentialClientApplication): Promise<unknown>;
}

/** How often a passing trouble of Entra is tried again, and how often a refused credential. */
const maxRetries = 2;
const maxCredentialRetries = 1;

/**
 * Asks the configured cloud for tokens. Passing trouble is tried again, a refused credential once with its successor.
 * What comes back is proven to be the account's. Nothing is sent while Entra has asked this account to wait, at
 * whichever access.
 * Throws {@link TokenExchangeError}, `wrong_user`, `client_credential_failed`, `backing_off`, `user_token_tenant`.
 */
export async function requestTokens(app: EntraAppInternals, request: TokenRequest): Promise<IssuedTokens> {
  const { account, tenantId, exchange } = request;
  // A sign-in has no account to wait for yet, and the app's own token is a step of a user's exchange, which waits.
  if (account === "nobody") return requestInTurn(app, request);
  if (account === undefined) return app.turns.run(request.signal, () => requestInTurn(app, request));
  await admitTenant(app.facts, tenantId);
  const { clientId } = app.facts;
  const asking = { clientId, tenantId, principal: account.oid, exchange };
  // What Entra has said to those before counts for whoever has waited in line behind them.
  return app.turns.run(request.signal, async () => {
    return app.backOff.run(asking, () => requestInTurn(app, request));
  });
}

/** Refuses a tenant that is not, or no longer, allowed. Throws `user_token_tenant`, `tenants_unavailable`. */
export async function admitTenant(facts: EntraAppFacts, tid: string): Promise<void> {
  if (isGuid(tid) && (await allowsTenant(facts, tid.toLowerCase()))) return;
  throw new HostedAgentIdentityError(
    "user_token_tenant",
    `The account is of the tenant ${JSON.stringify(tid)}, which is not listed.`,
  );
}

async function requestInTurn(app: EntraAppInternals, request: TokenRequest): Promise<IssuedTokens> {
  let refused = 0;
  for (let retries = 0; ;) {
    const outcome = await attempt(app, request, refused);
    if ("token" in outcome) return outcome;
    if (outcome.category === "cred" && refused < maxCredentialRetries) refused += 1;
    else if (isPassing(outcome) && retries < (request.retries ?? maxRetries)) {
      retries += 1;
      await pause(app.backoffMs(retries), request.signal);
    } else throw outcome;
  }
}

/** Not tried again here: `Retry-After` is left to the caller, and a timeout has used up the time. */
function isPassing(error: HostedAgentIdentityError): boolean {
  return error.category === "retry" && error.code !== "entra_timeout" && error.retryAfterMs === undefined;
}

type Outcome = IssuedTokens | HostedAgentIdentityError;

async function attempt(app: EntraAppInternals, request: TokenRequest, refused: number): Promise<Outcome> {
  const timedOut = (): Error =>
    new HostedAgentIdentityError("entra_timeout", `Entra did not answer within ${app.timeoutMs} ms.`);
  try {
    return await withDeadline(app.timeoutMs, request.signal, timedOut, async (signal) => {
      const authentication = await app.authenticate(request.tenantId, refused, signal);
      const network = capturingNetwork({
        fetch: app.fetch,
        signal,
        loginEndpoint: app.facts.cloud.loginEndpoint,
      });
      const msalFailure = await post(app, request, authentication, network);
      const failure = network.failure();
      const answer = network.answer();
      if (failure !== undefined) throw failure;
      if (answer === undefined) throw notSent(msalFailure);
      return answer.status === 200
        ? tokensFromAnswer(app, request, answer)
        : errorFromAnswer(answer, app.now(), request.agentStep);
    });
  } catch (cause) {
    if (isHostedAgentIdentityError(cause) && cause.category === "retry") return cause;
    throw cause;
  }
}

/** A private client for each request: nothing of one user is left for the next. See docs/decisions. */
async function post(
  app: EntraAppInternals,
  request: TokenRequest,
  authentication: ClientAuthentication,
  network: ReturnType<typeof capturingNetwork>,
): Promise<unknown> {
  const { ConfidentialClientApplication } = await app.msal();
  const { cloud, clientId } = app.facts;
  const { tenantId } = request;
  const authority = `${cloud.loginEndpoint.replace(/^http:/, "https:")}/${tenantId}`;
  const client = new ConfidentialClientApplication({
    auth: {
      clientId,
      authority,
      knownAuthorities: [new URL(authority).host],
      authorityMetadata: app.authorityMetadata(tenantId),
      clientCapabilities: [...app.capabilities],
      ...("secret" in authentication
        ? { clientSecret: authentication.secret }
        : { clientAssertion: authentication.assertion }),
    },
    system: { networkClient: network, disableInternalRetries: true },
  });
  try {
    await request.send(client);
    return undefined;
  } catch (cause) {
    return cause;
  }
}

/** MSAL refused to send the request at all: a configuration it cannot work with. */
function notSent(cause: unknown): HostedAgentIdentityError {
  const code: EntraRefusal["error"] =
    typeof cause === "object" && cause !== null && "errorCode" in cause && typeof cause.errorCode === "string"
      ? cause.errorCode
      : undefined;
  return new TokenExchangeError(
    "token_exchange_failed",
    `The request was not sent: ${safeName(code ?? "unknown reason")}.`,
    { error: code },
  );
}

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
