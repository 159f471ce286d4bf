import { tokenVerifier, verifierOptions } from "../../user-token/verify.js";
import type { EntraAppFacts } from "../../entra/clouds.js";
import { clientOf } from "../../entra/token-claims.js";
import { HostedAgentIdentityError, isUserTokenError, UserTokenError } from "../../errors.js";
import { readOptions } from "../../options/option-table.js";
import type { FetchLike } from "../../runtime/runtime.js";

/** What proves an agent. */
export interface AgentVerifierOptions {
  /** The service's own app: agents ask for a token with its audience. */
  readonly app: EntraAppFacts;
  readonly fetch: FetchLike;
  readonly now: () => number;
}

/** The client id of the agent whose app-only token this is. Throws `agent_not_identified`. */
export type AgentVerifier = (authorization: string | null) => Promise<string>;

/**
 * Verifies who calls the service: an application's own token of Entra for the service's app, as a managed identity
 * or an agent identity gets it. A person's token is refused, and one that does not say what it stands for: nobody
 * may ask for another's. Source: learn.microsoft.com, identity-platform/access-tokens, "validate tokens".
 */
export function agentVerifier({ app, fetch, now }: AgentVerifierOptions): AgentVerifier {
  const verify = tokenVerifier(
    readOptions("signInApi", verifierOptions, { app, fetch, now }),
    "applications",
  );
  return async (authorization) => {
    try {
      const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
      if (token === undefined) throw new UserTokenError("user_token_missing", "there is none.");
      const { assertion } = await verify(token);
      return (clientOf(assertion.claims) ?? "").toLowerCase();
    } catch (error) {
      if (!isUserTokenError(error) || error.category === "retry") throw error;
      throw new HostedAgentIdentityError(
        "agent_not_identified",
        `The agent's own token was refused: ${error.message}`,
      );
    }
  };
}
