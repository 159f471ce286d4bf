import { getUserContext, tryGetUserContext } from "../context/ambient.js";
import type { UserContext } from "../context/user-context.js";
import { resourceOfScope } from "../entra/scopes.js";
import { HostedAgentIdentityError } from "../errors.js";
import type { Acquirer } from "../tokens/acquire.js";
import type { ProtectedResource } from "../tokens/protected-resource.js";
import type { UserTokenCredential } from "./types.js";

/**
 * A credential for Azure SDK clients. Those keep one token each, so it is bound to the principal it was made
 * for: used in another user's context it throws `wrong_user`.
 *
 * A client holds a token until `expiresOnTimestamp`. Of a sign-in that is when it has to be asked for again, so
 * that a sign-out elsewhere is noticed; asking is cheap, because the token itself is cached here.
 */
export function userTokenCredential(
  resource: ProtectedResource,
  acquirer: Acquirer,
  bound: UserContext = getUserContext(),
): UserTokenCredential {
  const owner = bound.principalKey;
  if (owner === undefined)
    throw new HostedAgentIdentityError(
      "no_user_context",
      "A credential needs a user: this context names none.",
    );
  return Object.freeze<UserTokenCredential>({
    async getToken(scopes, options = {}) {
      const wanted = typeof scopes === "string" ? [scopes] : scopes;
      const own = resourceOfScope(resource.scopes[0] ?? "");
      const foreign = wanted.find((scope) => resourceOfScope(scope) !== own);
      if (foreign !== undefined) {
        throw new HostedAgentIdentityError(
          "invalid_option",
          `The client asks for ${JSON.stringify(foreign)}, this access is for ${JSON.stringify(own)}.`,
        );
      }
      const current = tryGetUserContext();
      if (current !== undefined && current.principalKey !== owner) {
        throw new HostedAgentIdentityError(
          "wrong_user",
          "This credential belongs to another user; make one client for each user.",
        );
      }
      const user = current ?? bound;
      const { abortSignal: signal, claims } = options;
      signal?.throwIfAborted();
      const cached = claims === undefined ? acquirer.peek(user) : undefined;
      const {
        token,
        expiresAt,
        useUntil = expiresAt,
      } = cached ?? (await acquirer.acquire(user, { signal, claims }));
      return { token, expiresOnTimestamp: Math.min(expiresAt, useUntil) };
    },
  });
}
