/**
 * The key under which anything of a user is kept. `entra` comes from a verified token; `platform` from the
 * platform's user id in the hosted environment. Never equal across kinds.
 * @group Context
 */
export type Principal =
  | { readonly kind: "entra"; readonly tid: string; readonly oid: string }
  | { readonly kind: "platform"; readonly project: string; readonly agent: string; readonly id: string };

/** The canonical JSON of a principal: the same text for the same principal, and for no other. */
export function principalKey(principal: Principal): string {
  return principal.kind === "entra"
    ? JSON.stringify(["entra", principal.tid, principal.oid])
    : JSON.stringify(["platform", principal.project, principal.agent, principal.id]);
}
