import { isGuid } from "./tenants.js";
import { clientOf, scopesOf, stringClaim, type TokenClaims } from "./token-claims.js";

/** Whom a token stands for. Each is said by the token: the absence of a claim proves nothing. */
export type TokenSubject =
  /** A person, who allowed at least one scope. */
  | { readonly kind: "person" }
  /** An application that acts for itself, and the client id it proved. */
  | { readonly kind: "application"; readonly clientId: string }
  /** An agent's own user account: it looks like a person and is none. */
  | { readonly kind: "agent_user" }
  /** Nobody can tell. `detail` says why, and quotes nothing but names of claims. */
  | { readonly kind: "unclear"; readonly detail: string };

/**
 * Decides whether a token stands for a person or an application, for every place of this package that has to
 * know. An application is who says so: `idtyp` is `app`, or without `idtyp` its `sub` is its own object id; either
 * way with a client id. A person has scopes as text. What says both, neither, or has a claim of another type than
 * documented is refused, since reading it as absent would let it pass for the other.
 * Source: learn.microsoft.com, identity-platform/access-token-claims-reference (`idtyp`, `oid`, `sub`, `scp`) and
 * agent-id/agent-token-claims (`xms_sub_fct`).
 */
export function subjectOf(claims: TokenClaims): TokenSubject {
  const odd = deciding.filter((name) => claims[name] !== undefined && typeof claims[name] !== "string");
  if (odd.length > 0) return unclear(`its ${odd.join(" and ")} is not a text`);
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

/** The claims that decide, each a text where it is there. */
const deciding = ["idtyp", "scp", "oid", "sub", "azp", "appid", "xms_sub_fct"] as const;
/** Values of `xms_sub_fct`, which is a list with spaces in no order. */
const agentIdentityFact = "11";
const agentUserFact = "13";

function unclear(detail: string): TokenSubject {
  return { kind: "unclear", detail };
}
