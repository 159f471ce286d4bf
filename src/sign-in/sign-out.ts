import { dropWaiting } from "./binding/pending.js";
import { dropQuestions } from "./binding/question.js";
import { dropPrompts } from "./binding/prompt.js";
import { endAccount } from "./admin/ending.js";
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
  await dropQuestions(core, owner);
  await dropPrompts(core, owner);
}

/** Ends and unpins everything that an account is connected with, at every agent of the service. */
export async function forgetAccount(
  service: SignInInternals,
  { tid, oid }: { readonly tid: string; readonly oid: string },
): Promise<void> {
  const account = { tid: tid.toLowerCase(), oid: oid.toLowerCase() };
  await endAccount(service, { account, erase: true });
}
