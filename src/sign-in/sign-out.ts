import { dropWaiting } from "./binding/pending.js";
import { dropPrompts } from "./binding/prompt.js";
import type { SignInContext } from "./sign-in-context.js";
import type { Grants } from "./grants/grant.js";
import type { OwnerKind } from "./grants/record-changes.js";
import { endGrant, endOwnWork } from "./long-running/work.js";

/**
 * Ends what a principal, or a piece of work with a grant of its own, has at one agent: the grant, the principal's
 * own work, what waits for a code, and the messages that a sign-in interrupted.
 */
export async function signOutOf(core: SignInContext, grants: Grants, owner: string): Promise<void> {
  // First, because it raises the generation: what is begun meanwhile sees that it has ended.
  await endGrant(core, grants, owner);
  const person = personOf(owner);
  if (person !== undefined) await endOwnWork(core, grants, person);
  await dropWaiting(core, owner);
  await dropPrompts(core, owner);
}

/** The account of an owner that is known by a token: only such a person has work with grants of its own. */
function personOf(owner: string): { readonly tid: string; readonly oid: string } | undefined {
  const [kind, tid, oid] = JSON.parse(owner) as readonly [OwnerKind, ...string[]];
  switch (kind) {
    case "entra":
      return tid === undefined || oid === undefined ? undefined : { tid, oid };
    case "platform":
    case "long-running":
    case "resource":
    case "oidc":
      return undefined;
  }
}
