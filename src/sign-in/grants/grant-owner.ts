import { signInProof, type Principal, type SignInProof } from "../../context/principal.js";

/** What a grant is kept under: a principal, or long-running work with a grant of its own. */
export type GrantOwner = Principal | { readonly kind: "long-running"; readonly id: string };

/** The owner that a stored key names. `undefined` for a kind that this version does not know. */
export function grantOwner(key: string): GrantOwner | undefined {
  const [kind, a = "", b = "", c = ""] = JSON.parse(key) as readonly [GrantOwner["kind"], ...string[]];
  switch (kind) {
    case "entra":
      return { kind, tid: a, oid: b };
    case "resource":
      return { kind, tid: a, oid: b, audience: c };
    case "platform":
      return { kind, project: a, agent: b, id: c };
    case "oidc":
      return { kind, iss: a, sub: b };
    case "long-running":
      return { kind, id: a };
    default:
      return unknownKind(kind);
  }
}

/** How the owner proves a sign-in; `undefined` for long-running work and for principals that own no grant. */
export function ownerProof(key: string): SignInProof | undefined {
  const owner = grantOwner(key);
  return owner === undefined || owner.kind === "long-running" ? undefined : signInProof(owner);
}

/** The key of the grant of long-running work: it is refreshed and ended like a principal's. */
export function ownGrantKey(id: string): string {
  return JSON.stringify(["long-running", id]);
}

/** Does not compile where a kind is missing above. */
function unknownKind(_kind: never): undefined {
  return undefined;
}
