import { inBackground } from "../../async/deadline.js";
import { principalKey as keyOf } from "../../context/principal.js";
import type { UserContext } from "../../context/user-context.js";
import { HostedAgentIdentityError } from "../../errors.js";
import { longestTimerMs } from "../../options/checks.js";
import type { Grants } from "../grants/grant.js";
import { ownGrantKey } from "../grants/grant-owner.js";
import type { SignInContext } from "../sign-in-context.js";
import type { Work, WorkRecords } from "./work.js";

/** The long-running work of one agent, as one process sees it. */
export interface LongRunningState {
  readonly core: SignInContext;
  readonly grants: Grants;
  readonly records: WorkRecords;
  /** The grants of contexts whose work has one of its own. */
  readonly grantKeys: WeakMap<UserContext, string>;
  /** Looks at the work with this id, if it runs here. */
  readonly watching: Set<(id: string) => void>;
}

/** Every process notices within a minute that work has ended. */
const lookMs = 30_000;

/** The work with this id. Throws `long_running_refused` when it is unknown, has ended, or has another purpose. */
export async function findWork(state: LongRunningState, id: string, purpose: string): Promise<Work> {
  const work = await state.records.read(id);
  if (work === undefined) throw refused("The work is unknown here, or has ended.");
  if (work.purpose !== purpose)
    throw refused(`The work is for ${JSON.stringify(work.purpose)}, not for ${JSON.stringify(purpose)}.`);
  if (await isLive(state, id, work)) return work;
  await endWork(state, id, work);
  throw refused("The user has signed out, or the session was revoked.");
}

/** Whether the work is still stored, and the user has not signed out since it began. */
export async function isLive(
  { grants, records }: LongRunningState,
  id: string,
  work: Work,
): Promise<boolean> {
  const principal = keyOf(work.principal);
  if ((await records.read(id)) === undefined || (await grants.generation(principal)) !== work.generation)
    return false;
  return (await grants.find(work.ownGrant ? ownGrantKey(id) : principal)) !== undefined;
}

/** Deletes the work, and stops it where it runs in this process. */
export async function endWork(
  { records, grants, watching }: LongRunningState,
  id: string,
  work: Work,
): Promise<void> {
  await records.remove(id, work, grants);
  for (const look of watching) look(id);
}

/** Calls `end` as soon as the work has ended, in whatever process. Returns a function that stops watching. */
export function watchWork(state: LongRunningState, id: string, work: Work, end: () => void): () => void {
  const { core, grants, watching } = state;
  let looking = false;
  const look = (): void => {
    if (looking) return;
    looking = true;
    // A store that is down decides nothing: the tokens of the work expire by themselves.
    isLive(state, id, work)
      .then((live) => (live ? undefined : end()))
      .catch(() => {})
      .finally(() => (looking = false));
  };
  const mine = new Set([keyOf(work.principal), ownGrantKey(id)]);
  const unsubscribe = grants.subscribe((changed) => (mine.has(changed) ? look() : undefined));
  const stopped = (other: string): void => (other === id ? look() : undefined);
  watching.add(stopped);
  const looks = inBackground(setInterval(look, lookMs));
  const atEnd = inBackground(setTimeout(end, Math.min(work.until - core.now(), longestTimerMs)));
  return () => {
    unsubscribe();
    watching.delete(stopped);
    clearInterval(looks);
    clearTimeout(atEnd);
  };
}

export function refused(message: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("long_running_refused", message);
}
