import { invalid } from "../options/invalid.js";

/**
 * The key under which everything of a user is kept. Principals of different kinds are never equal. `entra` comes from a
 * token for this agent's own app; `resource` from one for a resource of `passthroughTo`, which is good for that resource
 * only, with the audience as the resource is configured;
 * `platform` from the platform's user id in the hosted environment; `oidc` is for other identity providers, and
 * nothing serves it yet.
 * @group Context
 */
export type Principal =
  | { readonly kind: "entra"; readonly tid: string; readonly oid: string }
  | { readonly kind: "resource"; readonly tid: string; readonly oid: string; readonly audience: string }
  | { readonly kind: "platform"; readonly project: string; readonly agent: string; readonly id: string }
  | { readonly kind: "oidc"; readonly iss: string; readonly sub: string };

/**
 * The canonical JSON of a principal: the same text for the same principal, and for no other. Throws
 * `invalid_option` for anything else.
 */
export function principalKey(principal: Principal): string {
  switch (principal.kind) {
    case "entra":
      return JSON.stringify(["entra", principal.tid, principal.oid]);
    case "resource":
      return JSON.stringify(["resource", principal.tid, principal.oid, principal.audience]);
    case "platform":
      return JSON.stringify(["platform", principal.project, principal.agent, principal.id]);
    case "oidc":
      return JSON.stringify(["oidc", principal.iss, principal.sub]);
    default:
      return unknownPrincipal(principal);
  }
}

/** Throws `invalid_option` for a kind of principal that no part of this package serves yet. */
export function checkServed(principal: Principal): void {
  switch (principal.kind) {
    case "entra":
    case "resource":
    case "platform":
      return;
    case "oidc":
      throw invalid(
        "principal",
        'expected "entra", "resource" or "platform", because "oidc" is not served yet.',
      );
    default:
      unknownPrincipal(principal);
  }
}

/** How a sign-in proves that the account belongs to the user who started it. */
export type SignInProof =
  /** The account must be the one in the user token. */
  | { readonly by: "account"; readonly tid: string; readonly oid: string }
  /** The user types the code from the page into the chat, and confirms the account. */
  | { readonly by: "code" };

/** How a principal proves a sign-in; `undefined` for one that may own no grant ("A token has one place"). */
export function signInProof(principal: Principal): SignInProof | undefined {
  switch (principal.kind) {
    case "entra":
      return { by: "account", tid: principal.tid, oid: principal.oid };
    case "platform":
      return { by: "code" };
    case "resource":
    case "oidc":
      return undefined;
    default:
      return unknownPrincipal(principal);
  }
}

/** Does not compile where a kind was forgotten, and refuses what no type checker has seen. */
function unknownPrincipal(_principal: never): never {
  throw invalid("principal", "expected a principal of a user context.");
}
