import { allows, readPin, removePin } from "./grants/pin.js";
import { dropWaiting } from "./binding/pending.js";
import { dropPrompts } from "./binding/prompt.js";
import type { SignInContext } from "./sign-in-context.js";
import type { SignInInternals } from "./sign-in-internals.js";
import type { Grants } from "./grants/grant.js";
import { ownerProof } from "./grants/grant-owner.js";
import { endGrant, endOwnWork } from "./long-running/work.js";

/**
 * Ends everything that an owner of grants has at one agent: the grant, the user's own long-running work, sign-ins
 * that wait for a code, and the messages that a sign-in interrupted.
 */
export async function signOutOf(core: SignInContext, grants: Grants, owner: string): Promise<void> {
  // First, because it raises the generation: whatever begins meanwhile sees that it has ended.
  await endGrant(core, grants, owner);
  const proof = ownerProof(owner);
  // Only a user who is known by a token has work with grants of its own.
  if (proof?.by === "account") await endOwnWork(core, grants, { tid: proof.tid, oid: proof.oid });
  await dropWaiting(core, owner);
  await dropPrompts(core, owner);
}

/** Ends and unpins everything that an account is connected with, at every agent of the service. */
export async function forgetAccount(
  service: SignInInternals,
  { tid, oid }: { readonly tid: string; readonly oid: string },
): Promise<void> {
  const account = { tid: tid.toLowerCase(), oid: oid.toLowerCase() };
  for (const agent of new Set([service.core.agent, ...service.linkKeys.agents.keys()])) {
    const core = service.coreOf(agent);
    const grants = service.grantsOf(agent);
    for (const owner of await grants.principalsOf(account)) {
      await dropWaiting(core, owner);
      const pinned = await readPin(core, owner);
      // An unreadable pin may name another account: only unpin() removes it.
      if (pinned !== undefined && allows(pinned, account)) await removePin(core, owner);
    }
    await endOwnWork(core, grants, account);
    // Last, because it empties the index, which a retry after a failure needs.
    await grants.removeAccount(account);
  }
}
