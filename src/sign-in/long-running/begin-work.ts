import { entraBadResponseCauses } from "../../errors/causes/tokens.js";
import { liveInternalsOf, userNotIdentified } from "../../context/internals.js";
import type { Assertion } from "../../context/state.js";
import type { UserContext, VerifiedUser } from "../../context/user-context.js";
import { HostedAgentIdentityError } from "../../errors.js";
import { exchangeOnBehalfOf } from "../../exchange/token-request.js";
import { ownGrantKey } from "../grants/grant-owner.js";
import { endWork, isLive, refused, type LongRunningState } from "./running-work.js";
import { workList, type WorkList } from "./work-list.js";
import type { Work } from "./work.js";

/** Stores work for the user of a running turn, with a grant of its own if the user has not signed in. Returns its id. */
export async function beginWork(
  state: LongRunningState,
  context: UserContext,
  purpose: string,
  until: number,
): Promise<string> {
  const { core, grants } = state;
  const { assertion } = liveInternalsOf(context);
  const { principal, principalKey, user } = context;
  if (principal === undefined || principalKey === undefined) throw userNotIdentified(context);
  const id = Buffer.from(core.random(32)).toString("base64url");
  const generation = await grants.generation(principalKey);
  const signedIn = (await grants.find(principalKey)) !== undefined;
  const works = workList(core, principalKey, (other) => isStillLive(state, other));
  await works.check(generation);
  const { hosted } = context.platform;
  const work: Work = { v: 1, principal, user, hosted, purpose, until, generation, ownGrant: !signedIn };
  await storeWork(state, works, { id, work, assertion });
  // A sign-out that came meanwhile did not see what was stored after it.
  if (!signedIn && (await grants.generation(principalKey)) !== generation) {
    await endWork(state, id, work);
    throw refused("The user has signed out.");
  }
  return id;
}

/** Work to be stored, and the user token of the turn that begins it. */
interface NewWork {
  readonly id: string;
  readonly work: Work;
  readonly assertion: Assertion | undefined;
}

async function isStillLive(state: LongRunningState, id: string): Promise<boolean> {
  const work = await state.records.read(id);
  return work !== undefined && isLive(state, id, work);
}

/** Writes the work, and its own grant if it needs one. It is counted first. If that fails, nothing of it stays. */
async function storeWork(
  state: LongRunningState,
  works: WorkList,
  { id, work, assertion }: NewWork,
): Promise<void> {
  const { core, records } = state;
  const { until, generation } = work;
  const bytes = records.bytes(id, work);
  const count = (tokens: number): Promise<void> =>
    works.add({ id, bytes: bytes + tokens, at: core.now(), until, generation });
  try {
    if (work.ownGrant) await keepExchange(state, ownGrantKey(id), exchangeable(work, assertion), count);
    else await count(0);
    await records.keep(id, work);
  } catch (cause) {
    await undo(state, works, id, work).catch(() => undefined);
    throw cause;
  }
}

/** A write that failed may have happened: without its id nobody could end the work, or its refresh token. */
async function undo(
  { grants, records }: LongRunningState,
  works: WorkList,
  id: string,
  work: Work,
): Promise<void> {
  if (work.ownGrant && (await grants.find(ownGrantKey(id))) !== undefined)
    await grants.remove(ownGrantKey(id));
  await works.remove(id);
  await records.forget(id);
}

/** A user token for an exchange, and how long the grant may live. */
interface Exchangeable {
  readonly assertion: string;
  readonly user: VerifiedUser;
  readonly until: number;
}

function exchangeable({ user, until }: Work, assertion: Assertion | undefined): Exchangeable {
  if (assertion?.use !== "app" || user === undefined)
    throw refused("The user has not signed in, and brought no token that could be exchanged.");
  return { assertion: assertion.token, user, until };
}

/** Exchanges the user token, which lives for an hour only, for a grant that can be refreshed. */
async function keepExchange(
  { core, grants }: LongRunningState,
  grantKey: string,
  { assertion, user, until }: Exchangeable,
  count: (bytes: number) => Promise<void>,
): Promise<void> {
  const { app, resources } = core;
  const [first] = resources;
  if (first === undefined) throw refused("There is no resource to work with.");
  const signal = new AbortController().signal;
  const { scopes, url: resource } = first;
  const request = { resource, assertion, account: user, scopes, claims: undefined, signal };
  const { refreshToken, token, expiresAt, refreshAt } = await core.audit.around(
    { action: "exchange", agent: core.agent, owner: grantKey, account: user, resource, scopes },
    () => exchangeOnBehalfOf(app, request),
  );
  if (refreshToken === undefined)
    throw new HostedAgentIdentityError(
      "entra_bad_response",
      "The exchange brought no refresh token.",
      entraBadResponseCauses.noRefreshToken,
    );
  // Sealed text is a third longer.
  await count(Math.ceil(((refreshToken.length + token.length) * 4) / 3));
  await grants.keep(
    grantKey,
    {
      account: user,
      refreshToken,
      resources: resources.map(({ url }) => url),
      scopes: resources.flatMap((one) => one.scopes),
      until,
    },
    { token, expiresAt, refreshAt, resource, scopes },
  );
}
