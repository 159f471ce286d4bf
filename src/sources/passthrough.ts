import { audiencesOf } from "../entra/token-claims.js";
import type { Assertion } from "../context/state.js";
import { TokenExchangeError } from "../errors.js";
import { sameForAllServers, type TokenSource } from "./token-source.js";
import type { SourceKind } from "./source-kinds.js";

/** It keeps no token, and looks only at what all servers of the same audiences have in common. */
const nobody = Object.freeze({});

/**
 * Sends the caller's own token on, and only where its audience already is the MCP server's. List the
 * resource in `passthroughTo` of `userTokenVerifier()`, or the verifier refuses such a token.
 *
 * Entry point: `hosted-agent-identity`.
 * Source: Model Context Protocol 2026-07-28, authorization: clients must not send tokens that were issued
 * for somebody else.
 *
 * A token for the agent's own app is not sent on to a resource that shares its audience, unless that resource was
 * described with `sameTrust: true`: its server could use the token at the agent, as the person.
 *
 * A claims challenge of the resource is the caller's to meet: `step_up_required`, with the claims.
 *
 * @example
 * ```ts
 * import { passthrough, userAccess, type ProtectedResource } from "hosted-agent-identity";
 *
 * export const access = (contacts: ProtectedResource) => userAccess(contacts, [passthrough()]);
 * ```
 * @group Tokens
 */
export function passthrough(): TokenSource {
  const source = Object.freeze<TokenSource>({
    kind: "passthrough" satisfies SourceKind,
    provesUser: true,
    cacheScope: "",
    usesAssertion: true,
    cached: false,
    skip({ assertion, resource }) {
      if (assertion === undefined)
        return { reason: "no_user_token", detail: "the request brought no user token." };
      const actual = audiencesOf(assertion.claims);
      if (!actual.some((audience) => resource.audiences.includes(audience))) {
        return {
          reason: "wrong_audience",
          detail: `the user token's audience is ${JSON.stringify(actual[0])}, the resource takes ${resource.audiences.map((a) => JSON.stringify(a)).join(" or ")}.`,
        };
      }
      // The server could come back with it as the person: a token for the agent is no word to a server.
      if (assertion.use === "app" && resource.sameTrust !== true) {
        return {
          reason: "wrong_audience",
          detail:
            "the user token is for this agent's own app, whose audience the resource shares; its server would be able to act as this agent, which only sameTrust: true of protectedResource() allows.",
        };
      }
      return undefined;
    },
    async acquire({ assertion, claims }) {
      if (assertion === undefined)
        return { status: "skipped", reason: "no_user_token", detail: "the request brought no user token." };
      if (claims !== undefined) return { status: "needs", error: stepUp(claims), requests: [] };
      return {
        status: "token",
        token: { token: assertion.token, expiresAt: expiryOf(assertion), source: "passthrough" },
      };
    },
  });
  return sameForAllServers(source, nobody);
}

/** Only whoever got the token can get another one that meets the demand. */
function stepUp(claims: string): TokenExchangeError {
  const message = "The resource wants more than the caller's own token has.";
  return new TokenExchangeError("step_up_required", message, { claims });
}

function expiryOf(assertion: Assertion): number {
  return (assertion.claims.exp ?? 0) * 1000;
}
