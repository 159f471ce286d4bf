import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from "jose";
import type { EntraApp } from "../entra/directory-objects.js";
import type { EntraEmulator } from "../entra/emulator.js";
import { subjectIn } from "../entra/subject.js";

/** What a request's token says of who is calling. */
export interface WitnessedToken {
  /**
   * `person`: a good token of somebody. `application`: a good token of an app, or a person's without a scope.
   * `other_audience`: a good token, but for another server. `refused`: expired, unreadable, not Entra's.
   */
  readonly token: "none" | "refused" | "other_audience" | "application" | "person";
  readonly oid?: string;
  /** It is one that `checkIsolation()` has sent to the agent as a resource's server would. */
  readonly replayed?: true;
}

/** The claim by which a token is known again that is sent to the agent as if a resource's server had sent it on. */
export const replayMark = "hosted_agent_identity_replay";

export type TokenReader = (authorization: string | undefined) => Promise<WitnessedToken>;

/** Reads tokens as the server of this app has to. Nothing of a token leaves it but whose it is. */
export function tokenReader(entra: EntraEmulator, app: EntraApp): TokenReader {
  // One set for all tenants of the emulator. A key that it has changed is looked for at once.
  const keys = createRemoteJWKSet(new URL(`${entra.origin}/${app.tenantId}/discovery/v2.0/keys`), {
    cooldownDuration: 0,
  });
  const issuer = entra.tenants.flatMap(({ id }) => [`${entra.origin}/${id}/v2.0`, `${entra.origin}/${id}/`]);
  const audience = [app.clientId, ...app.identifierUris];

  return async (authorization) => {
    const token = /^Bearer (\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return { token: "none" };
    try {
      const { payload } = await jwtVerify(token, keys, { algorithms: ["RS256"], issuer, audience });
      return bearer(payload);
    } catch (error) {
      // The audience is looked at after the signature: the claims of this error are Entra's own.
      const foreign = error instanceof errors.JWTClaimValidationFailed && error.claim === "aud";
      return foreign ? { ...bearer(error.payload), token: "other_audience" } : { token: "refused" };
    }
  };
}

/** Whatever is not shown to be a person's is nobody's who could have asked. */
function bearer(claims: JWTPayload): WitnessedToken {
  const { oid } = claims;
  if (typeof oid !== "string" || subjectIn(claims) !== "person") return { token: "application" };
  return { token: "person", oid, ...(claims[replayMark] === true ? { replayed: true } : {}) };
}
