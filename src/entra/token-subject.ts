import { isGuid } from "./clouds.js";
import { clientOf, scopesOf, stringClaim, type TokenClaims } from "./token-claims.js";

/** Whom a token represents. The token must say so: the absence of a claim proves nothing. */
export type TokenSubject =
  /** A user, with at least one delegated scope. */
  | { readonly kind: "person" }
  /** An application without a user, and its client id. */
  | { readonly kind: "application"; readonly clientId: string }
  /** The user account of an agent: it looks like a person, but is none. */
  | { readonly kind: "agent_user" }
  /** Undecided. `detail` says why, and quotes only names of claims. */
  | { readonly kind: "unclear"; readonly detail: string };

/**
 * Decides whether a token represents a user or an application, for all of this package. An application's token has
 * a client id and the `idtyp` `app`, or, without `idtyp`, a `sub` that equals its `oid`. A user's token has scopes. A
 * token that says both or neither is refused, as is one with a claim of an undocumented type: read as absent, it
 * would pass for the other kind.
 * Source: learn.microsoft.com, identity-platform/access-token-claims-reference (`idtyp`, `oid`, `sub`, `scp`) and
 * agent-id/agent-token-claims (`xms_sub_fct`).
 */
export function subjectOf(claims: TokenClaims): TokenSubject {
  if (deciding.some((name) => isOdd(claims[name])))
    return unclear(`its ${deciding.filter((name) => isOdd(claims[name])).join(" and ")} is not a text`);
  const { idtyp, oid, sub } = claims;
  if (idtyp !== undefined && idtyp !== "app" && idtyp !== "user")
    return unclear("its idtyp is neither app nor user");
  if (claims.azp !== undefined && claims.appid !== undefined && claims.azp !== claims.appid)
    return unclear("its azp and its appid name two clients");
  if (!isGuid(oid)) return unclear("it has no oid claim that is an object id");
  const facts = (stringClaim(claims, "xms_sub_fct") ?? "").split(" ");
  if (facts.includes(agentUserFact)) return { kind: "agent_user" };
  const hasScopes = scopesOf(claims).length > 0;
  if (idtyp === "app" || (idtyp === undefined && sub === oid)) {
    if (hasScopes) return unclear("it says that it stands for an application, and has a person's scopes");
    const clientId = clientOf(claims);
    return clientId === undefined
      ? unclear("it says that it stands for an application, and names no client")
      : { kind: "application", clientId };
  }
  if (facts.includes(agentIdentityFact)) return unclear("its xms_sub_fct names an agent identity");
  return hasScopes
    ? { kind: "person" }
    : unclear("it has no scp claim with a scope, and does not say that it stands for an application");
}

/** The claims that decide, each a string if present. */
const deciding = ["idtyp", "scp", "oid", "sub", "azp", "appid", "xms_sub_fct"] as const;
/** Values of `xms_sub_fct`, a list with spaces, in any order. */
const agentIdentityFact = "11";
const agentUserFact = "13";

function isOdd(value: unknown): boolean {
  return value !== undefined && typeof value !== "string";
}

function unclear(detail: string): TokenSubject {
  return { kind: "unclear", detail };
}
