import { getUserContext, tryGetUserContext } from "../context/ambient.js";
import type { UserContext } from "../context/user-context.js";
import { resourceOfScope } from "../entra/scopes.js";
import { HostedAgentIdentityError } from "../errors.js";
import { oneOf, orElse } from "../options/checks.js";
import { readOptions, type OptionTable } from "../options/option-table.js";
import { invalidOptionCauses, noUserContextCauses } from "../errors/causes/set-up.js";
import { wrongUserCauses } from "../errors/causes/tokens.js";
import type { Acquirer } from "../tokens/acquire.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import type { TokenCredentialOptions, UserTokenCredential } from "./types.js";

/**
 * A credential for Azure SDK clients. Those keep one token each, so it is bound to the principal it was made
 * for: used in another user's context it throws `wrong_user`.
 *
 * A client that holds a valid token does not ask, whoever is there. So the token is said to be over at once:
 * every request asks here, where it is cached. Requests that start while the client waits for a token share it
 * without asking; only the policy sees those. Source: @azure/core-rest-pipeline, tokenCycler.
 */
export function userTokenCredential(
  resource: ProtectedResource,
  acquirer: Acquirer,
  bound: UserContext = getUserContext(),
  options: TokenCredentialOptions = {},
): UserTokenCredential {
  const owner = bound.principalKey;
  if (owner === undefined)
    throw new HostedAgentIdentityError(
      "no_user_context",
      "A credential needs a user: this context names none.",
      noUserContextCauses.credential,
    );
  const { askAgain } = readOptions("tokenCredential", tokenCredentialOptions, options);
  /** The current context, if any, which has to be the owner's. */
  const userHere = (): UserContext => {
    const current = tryGetUserContext();
    if (current !== undefined && current.principalKey !== owner) {
      throw new HostedAgentIdentityError(
        "wrong_user",
        "This credential belongs to another user; make one client for each user.",
        wrongUserCauses.credential,
      );
    }
    return current ?? bound;
  };
  return Object.freeze<UserTokenCredential>({
    async getToken(scopes, { abortSignal: signal, claims } = {}) {
      const wanted = typeof scopes === "string" ? [scopes] : scopes;
      const own = resourceOfScope(resource.scopes[0] ?? "");
      const foreign = wanted.find((scope) => resourceOfScope(scope) !== own);
      if (foreign !== undefined) throw foreignScope(foreign, own);
      const user = userHere();
      signal?.throwIfAborted();
      const cached = claims === undefined ? acquirer.cachedToken(user) : undefined;
      const {
        token,
        expiresAt,
        useUntil = expiresAt,
      } = cached ?? (await acquirer.acquire(user, { signal, claims }));
      const keepUntil = askAgain === "at-expiry" ? Infinity : Date.now();
      return { token, expiresOnTimestamp: Math.min(expiresAt, useUntil, keepUntil) };
    },
    policy: Object.freeze<UserTokenCredential["policy"]>({
      name: "hosted-agent-identity/one-user",
      async sendRequest(request, next) {
        userHere();
        return next(request);
      },
    }),
  });
}

/** Quotes the scope's resource only: what names none may be anything, a secret in the wrong place included. */
function foreignScope(scope: string, own: string | undefined): HostedAgentIdentityError {
  const resource = resourceOfScope(scope);
  const wanted = resource === undefined ? "a scope that names no resource" : JSON.stringify(resource);
  return new HostedAgentIdentityError(
    "invalid_option",
    `The client asks for ${wanted}, this access is for ${JSON.stringify(own)}.`,
    invalidOptionCauses.otherResource,
  );
}

/** The options of `tokenCredential()`. */
export const tokenCredentialOptions: OptionTable<TokenCredentialOptions, "askAgain"> = {
  askAgain: orElse(oneOf("each-request", "at-expiry"), "each-request"),
};
