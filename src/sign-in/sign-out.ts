import { dropWaiting } from "./binding/pending.js";
import type { SignInCore } from "./core.js";
import type { Grants } from "./grants/grant.js";
import { endGrant, endOwnWork } from "./work.js";

/**
 * Ends what a principal, or a piece of work with a grant of its own, has at one agent: the grant, the principal's
 * own work, what waits for a code.
 */
export async function signOutOf(core: SignInCore, grants: Grants, owner: string): Promise<void> {
  // First, because it raises the epoch: what is begun meanwhile sees that it has ended.
  await endGrant(core, grants, owner);
  const [kind, tid, oid] = JSON.parse(owner) as readonly string[];
  // Only a person known by a token has such work.
  if (kind === "entra" && tid !== undefined && oid !== undefined)
    await endOwnWork(core, grants, { tid, oid });
  await dropWaiting(core, owner);
}
