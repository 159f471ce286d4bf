import { digest } from "../../sealing/digest.js";
import { principalKey as keyOf, type Principal } from "../../context/principal.js";
import type { VerifiedUser } from "../../context/user-context.js";
import { emit } from "../../events/events.js";
import type { SignInContext } from "../sign-in-context.js";
import type { Account, Grants } from "../grants/grant.js";
import { grantOwner, ownGrantKey } from "../grants/grant-owner.js";
import { recordName } from "../grants/record-names.js";
import { workList } from "./work-list.js";

/** Work that goes on after its turn, as it is stored. */
export interface Work {
  readonly v: 1;
  readonly principal: Principal;
  readonly user?: VerifiedUser | undefined;
  readonly hosted: boolean;
  readonly purpose: string;
  readonly until: number;
  /** The principal's generation when it began. */
  readonly generation: number;
  /** Whether it has a grant of its own, from an exchange of the user token. */
  readonly ownGrant: boolean;
}

/** The stored work of one agent. */
export interface WorkRecords {
  /** `undefined` for work that is unknown, has ended, or is another agent's. */
  read(id: string): Promise<Work | undefined>;
  keep(id: string, work: Work): Promise<void>;
  /** How many bytes `keep` writes. */
  bytes(id: string, work: Work): number;
  /** Deletes the record alone. */
  forget(id: string): Promise<void>;
  /** Deletes the work, its own grant and its entry in the work list. */
  remove(id: string, work: Work, grants: Grants): Promise<void>;
  audit(type: "started" | "used" | "ended", id: string, work: Work): void;
}

export function workRecords(core: SignInContext): WorkRecords {
  const { agent, app, keys, now, onEvent, store } = core;
  const place = [agent, app.facts.cloud.loginEndpoint, app.facts.clientId];
  const storeKey = (id: string): string => recordName("long-running", ...place, id);

  const seal = (id: string, work: Work): string => keys.seal("long-running", [...place, id], work);

  const audit: WorkRecords["audit"] = (type, id, { purpose, until, principal }) => {
    const named = digest(id).slice(0, 16);
    emit(onEvent, { type: `long_running_${type}`, purpose, principal: keyOf(principal), work: named, until });
  };

  return {
    async read(id) {
      const sealed = await store.get(storeKey(id));
      if (sealed === undefined) return undefined;
      const work = keys.open("long-running", [...place, id], sealed) as Work | undefined;
      return work?.v === 1 && work.until > now() ? work : undefined;
    },
    bytes: (id, work) => seal(id, work).length,
    async keep(id, work) {
      await store.setIfAbsent(storeKey(id), seal(id, work), work.until - now());
      audit("started", id, work);
    },
    forget: (id) => store.delete(storeKey(id)),
    async remove(id, work, grants) {
      if (work.ownGrant) await grants.remove(ownGrantKey(id), keyOf(work.principal));
      await workList(core, keyOf(work.principal)).remove(id);
      // Last, because a retry after a failure finds the rest by it.
      await store.delete(storeKey(id));
      audit("ended", id, work);
    },
    audit,
  };
}

/**
 * Ends all work of an account that has a grant of its own. Work without one uses the grant of the sign-in, and ends
 * with that.
 */
export async function endOwnWork(
  core: SignInContext,
  grants: Grants,
  account: Pick<Account, "tid" | "oid">,
): Promise<void> {
  for (const owner of await grants.principalsOf(account)) {
    if (grantOwner(owner)?.kind === "long-running") await endGrant(core, grants, owner);
  }
}

/** Ends a grant, and the work that it belongs to if it is a work's own. */
export async function endGrant(core: SignInContext, grants: Grants, owner: string): Promise<void> {
  const records = workRecords(core);
  const known = grantOwner(owner);
  const id = known?.kind === "long-running" ? known.id : undefined;
  const work = id === undefined ? undefined : await records.read(id);
  // The grant may exist without its work: that record was lost, or never written.
  if (id === undefined || work === undefined) await grants.remove(owner);
  else await records.remove(id, work, grants);
}

/** Deletes the work of a principal. Returns how much of it was still stored. */
export async function endWorks(core: SignInContext, grants: Grants, principal: string): Promise<number> {
  const records = workRecords(core);
  let ended = 0;
  for (const { id } of await workList(core, principal).all()) {
    const work = await records.read(id);
    if (work === undefined) continue;
    await records.remove(id, work, grants);
    ended += 1;
  }
  return ended;
}
