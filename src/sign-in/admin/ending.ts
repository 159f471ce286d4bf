import { dropWaiting, waitingUntil } from "../binding/pending.js";
import { dropQuestions } from "../binding/question.js";
import { dropPrompts } from "../binding/prompt.js";
import { principalKey } from "../../context/principal.js";
import { grantOwner, ownerProof } from "../grants/grant-owner.js";
import type { Account, Grants } from "../grants/grant.js";
import { allows, readPin, removePin } from "../grants/pin.js";
import { isSame } from "../grants/record-changes.js";
import { endGrant, endWorks } from "../long-running/work.js";
import type { SignInContext } from "../sign-in-context.js";
import type { SignInInternals } from "../sign-in-internals.js";

/** How much of a person was ended. */
export interface Ended {
  readonly grants: number;
  readonly works: number;
  readonly codes: number;
  readonly pins: number;
}

export const nothingEnded: Ended = Object.freeze({ grants: 0, works: 0, codes: 0, pins: 0 });

export function sum(a: Ended, b: Ended): Ended {
  return {
    grants: a.grants + b.grants,
    works: a.works + b.works,
    codes: a.codes + b.codes,
    pins: a.pins + b.pins,
  };
}

/** Whose, and whether chats may be connected with another account afterwards. */
export interface Ending {
  readonly account: Pick<Account, "tid" | "oid">;
  /** Also removes pins, and the principals from the account's list. */
  readonly erase: boolean;
}

/** Every agent that the service knows. */
export function agentsOf({ core, linkKeys }: SignInInternals): readonly string[] {
  return [...new Set([core.agent, ...linkKeys.agents.keys()])];
}

/** The principals that an account has something under, at one agent. The user with a token is always among them. */
export async function ownersOf(
  grants: Grants,
  { tid, oid }: Pick<Account, "tid" | "oid">,
): Promise<readonly string[]> {
  const self = principalKey({ kind: "entra", tid, oid });
  return [...new Set([self, ...(await grants.principalsOf({ tid, oid }))])];
}

/** Ends everything that an account is connected with, at every agent of the service. */
export async function endAccount(service: SignInInternals, ending: Ending): Promise<Ended> {
  const { account, erase } = ending;
  let ended = nothingEnded;
  for (const agent of agentsOf(service)) {
    const core = service.coreOf(agent);
    const grants = service.grantsOf(agent);
    const owners = await ownersOf(grants, account);
    for (const owner of owners) ended = sum(ended, await endOwnerOf(core, grants, owner, ending));
    // Last, because a retry after a failure needs the list.
    if (erase) await grants.removeAccount(account);
  }
  return ended;
}

/** Ends what a principal has of an account. What it has of another account stays. */
async function endOwnerOf(
  core: SignInContext,
  grants: Grants,
  owner: string,
  { account, erase }: Ending,
): Promise<Ended> {
  const grant = await grants.find(owner);
  const isTheirs = grant === undefined || isSame(grant.account, account);
  if (grantOwner(owner)?.kind === "long-running") {
    if (isTheirs) await endGrant(core, grants, owner);
    return { ...nothingEnded, works: grant !== undefined && isTheirs ? 1 : 0 };
  }
  const codes = await waitingUntil(core, owner);
  const pinned = ownerProof(owner)?.by === "code" ? await readPin(core, owner) : undefined;
  // A pin that cannot be read may name another account: only unpin() removes it.
  const unpins = erase && pinned !== undefined && allows(pinned, account);
  let works = 0;
  if (isTheirs) {
    // First, because it raises the generation: whatever begins meanwhile sees that it has ended.
    await endGrant(core, grants, owner);
    works = await endWorks(core, grants, owner);
    await dropPrompts(core, owner);
  }
  await dropWaiting(core, owner);
  await dropQuestions(core, owner, account);
  if (unpins) await removePin(core, owner);
  return {
    grants: grant !== undefined && isTheirs ? 1 : 0,
    works,
    codes: codes.length,
    pins: unpins ? 1 : 0,
  };
}

/** Ends everything of one principal, whatever the account. */
export async function endPrincipal(
  core: SignInContext,
  grants: Grants,
  owner: string,
  erase: boolean,
): Promise<Ended> {
  const grant = await grants.find(owner);
  const pinned = await readPin(core, owner);
  const codes = await waitingUntil(core, owner);
  await endGrant(core, grants, owner);
  const works = await endWorks(core, grants, owner);
  await dropWaiting(core, owner);
  await dropQuestions(core, owner);
  await dropPrompts(core, owner);
  if (erase) {
    if (pinned !== undefined) await removePin(core, owner);
    const account = grant?.account ?? (pinned === "unreadable" ? undefined : pinned?.account);
    if (account !== undefined) await grants.unlist(account, owner);
  }
  return {
    grants: grant === undefined ? 0 : 1,
    works,
    codes: codes.length,
    pins: erase && pinned !== undefined ? 1 : 0,
  };
}
