import { signingKeys } from "../../context/signing-keys.js";
import { checkShape, readUnverified } from "../../context/token-shape.js";
import { issuersOf } from "../../entra/clouds.js";
import type { EntraAppFacts } from "../../entra/tenants.js";
import { audiencesOf, clientOf, isAppOnly, stringClaim } from "../../entra/token-claims.js";
import {
  clocksOf,
  HostedAgentIdentityError,
  isUserTokenError,
  loadPackage,
  UserTokenError,
} from "../../errors.js";
import type { FetchLike } from "../../context/fetch-like.js";

/** What proves an agent. */
export interface AgentVerifierOptions {
  /** The service's own app: agents ask for a token with its audience. */
  readonly app: EntraAppFacts;
  readonly fetch: FetchLike;
  readonly now: () => number;
}

/** The client id of the agent whose app-only token this is. Throws `agent_not_identified`. */
export type AgentVerifier = (authorization: string | null) => Promise<string>;

const maxTokenBytes = 16_384;
const toleranceS = 60;

/**
 * Verifies who calls the service: an app-only token of Entra for the service's app, as a managed identity or
 * an agent identity gets it. A person's token is refused: no person may ask for another's.
 * Source: learn.microsoft.com, identity-platform/access-tokens, "validate tokens".
 */
export function agentVerifier({ app, fetch, now }: AgentVerifierOptions): AgentVerifier {
  const keys = signingKeys({ cloud: app.cloud, fetch, clocks: clocksOf(now), timeoutMs: 5_000 });
  return async (authorization) => {
    try {
      return await clientOfToken(authorization);
    } catch (error) {
      if (!isUserTokenError(error) || error.category === "retry") throw error;
      throw new HostedAgentIdentityError(
        "agent_not_identified",
        `The agent's own token was refused: ${error.message}`,
      );
    }
  };

  async function clientOfToken(authorization: string | null): Promise<string> {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) throw new UserTokenError("user_token_missing", "there is none.");
    checkShape(token, maxTokenBytes);
    const { tid, kid, claims } = readUnverified(token, app);
    const { compactVerify } = await loadPackage(
      "jose",
      "signInApi()",
      () => import("jose/jws/compact/verify"),
    );
    const key = await keys.keyFor(tid, kid);
    await compactVerify(token, key, { algorithms: ["RS256"] }).catch(() => {
      throw new UserTokenError("user_token_signature");
    });
    if (!issuersOf(app.cloud, tid).includes(stringClaim(claims, "iss") ?? ""))
      throw new UserTokenError("user_token_issuer");
    const actual = audiencesOf(claims);
    if (actual.length !== 1 || !app.audiences.includes(actual[0] ?? "")) {
      throw new UserTokenError("user_token_audience", `its audience is ${JSON.stringify(actual.join(" "))}.`);
    }
    const seconds = now() / 1000;
    if (typeof claims.exp !== "number" || seconds >= claims.exp + toleranceS)
      throw new UserTokenError("user_token_expired");
    if (typeof claims.nbf === "number" && seconds < claims.nbf - toleranceS)
      throw new UserTokenError("user_token_not_yet_valid");
    const client = clientOf(claims);
    if (!isAppOnly(claims) || client === undefined)
      throw new UserTokenError("user_token_app_only", "it is not an agent's own.");
    return client.toLowerCase();
  }
}
