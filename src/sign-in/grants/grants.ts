import { emit } from "../../events/events.js";
import { endOf, type AuditFacts } from "../audit/auditor.js";
import { grantOwner } from "./grant-owner.js";
import type { SignInContext } from "../sign-in-context.js";
import type {
  Account,
  FirstToken,
  FoundRecord,
  Grant,
  Grants,
  Keeping,
  Kept,
  NewGrant,
  SeenGrant,
} from "./grant.js";
import { grantToken } from "./grant-tokens.js";
import {
  claimTimes,
  endStoredGrant,
  newGrantsState,
  recordOf,
  tellChanged,
  type ClaimTimes,
  type GrantsState,
} from "./grants-state.js";
import { entraIssuer, type GrantIssuer } from "./issuer.js";
import { afterSignIn, checkOwner, isSame, usedBy } from "./record-changes.js";
import { noRecord } from "./record.js";

/** As long as a code, a yes and the way between them may take. */
const expectedMs = 15 * 60_000;

/**
 * The grants of one agent at one issuer: kept in the store, sealed for their principal, refreshed when needed. The
 * process keeps only the work in flight, so a token is as good as the record it was read from.
 */
export function grants(
  core: SignInContext,
  issuer: GrantIssuer = entraIssuer(core.app),
  claims: ClaimTimes = claimTimes,
): Grants {
  const state = newGrantsState(core, issuer, claims);
  const { index, listeners, refused } = state;
  return {
    find: (principalKey) => findGrant(state, principalKey),
    keep: (principalKey, signedIn, first, how = {}) =>
      keepGrant(state, principalKey, signedIn, { ...how, first }),
    look: (principalKey) => lookAt(state, principalKey),
    lookAtList: (account) => index.look(account),
    enlist: (account, principalKey, seen) => index.add(account, principalKey, undefined, seen),
    token: (principalKey, request) => grantToken(state, principalKey, request),
    async remove(principalKey, user) {
      try {
        await endStoredGrant(state, principalKey, "signed_out");
      } finally {
        if (user !== undefined) tellChanged(state, user);
      }
    },
    removeAccount: (account) => removeGrantsOf(state, account),
    generation: (principalKey) => generationOf(state, principalKey),
    firstGeneration: (principalKey) => firstGeneration(state, principalKey),
    principalsOf: (account) => index.list(account),
    forget: (principalKey, token) => refused.add(principalKey, token),
    found: (text) => foundRecord(state, text),
    async lookUp(principalKey) {
      const text = await recordOf(state, principalKey).raw();
      return text === undefined ? undefined : foundRecord(state, text);
    },
    expect: (account, principalKey) => index.expect(account, principalKey, core.now() + expectedMs),
    unlist: (account, principalKey) => index.remove(account, principalKey),
    close: () => state.unfinished.close(claims.closeMs),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

async function findGrant(state: GrantsState, principalKey: string): Promise<Grant | undefined> {
  const { grant, generation } = await recordOf(state, principalKey).read();
  if (grant === undefined) return undefined;
  const { account, refreshToken, resources, scopes, signedInAt, updatedAt, until } = grant;
  return { account, refreshToken, resources, scopes, signedInAt, updatedAt, until, generation };
}

async function lookAt(state: GrantsState, principalKey: string): Promise<SeenGrant> {
  const text = await recordOf(state, principalKey).raw();
  const record = (text === undefined ? undefined : state.seal.open(principalKey, text)) ?? noRecord;
  const { generation } = record;
  return {
    text,
    generation: generation === 0 ? undefined : generation,
    usedBy: (ticket) => usedBy(record, ticket),
  };
}

/** How a grant is stored, with the access token that came with it. */
interface KeepingWith extends Keeping {
  readonly first: FirstToken | undefined;
}

function foundRecord({ core, issuer, seal }: GrantsState, text: string): FoundRecord {
  const address = seal.address(text);
  if (address === undefined) return { status: "unreadable" };
  const { agent, clientId, principalKey, resourceSet } = address;
  const isOurs =
    agent === core.agent &&
    address.issuer === issuer.issuer &&
    clientId === issuer.clientId &&
    resourceSet === issuer.resourceSet;
  if (!isOurs) return { status: "another", address };
  const record = seal.open(principalKey, text);
  if (record === undefined) return { status: "unreadable" };
  const { generation, grant } = record;
  if (grant === undefined) return { status: "ended", address };
  const { account, resources, scopes, signedInAt, updatedAt, until } = grant;
  return { status: "live", address, account, resources, scopes, signedInAt, updatedAt, until, generation };
}

async function keepGrant(
  state: GrantsState,
  principalKey: string,
  signedIn: NewGrant,
  how: KeepingWith,
): Promise<Kept> {
  const { agent, audit } = state.core;
  checkOwner(principalKey, signedIn.account);
  const { account, resources, scopes } = signedIn;
  // The grant of long-running work comes from an exchange, which has records of its own.
  const isSignIn = grantOwner(principalKey)?.kind !== "long-running";
  const facts: AuditFacts = {
    action: "connect",
    agent,
    owner: principalKey,
    account,
    resource: resources[0],
    scopes,
  };
  const end = isSignIn ? await audit.begin(facts) : () => undefined;
  try {
    const kept = await storeGrant(state, principalKey, signedIn, how);
    const isKept = kept === "kept" || kept === "kept_before";
    end(isKept ? { outcome: "done" } : { outcome: "refused", reason: kept });
    return kept;
  } catch (cause) {
    end(endOf(cause));
    throw cause;
  }
}

async function storeGrant(
  state: GrantsState,
  principalKey: string,
  signedIn: NewGrant,
  { first, generation, used, seen, list }: KeepingWith,
): Promise<Kept> {
  const { now, onEvent } = state.core;
  // The index first: a grant that is in no index could not be found to be ended.
  if (list !== "listed") await state.index.add(signedIn.account, principalKey, signedIn.until, list);
  let refused: Exclude<Kept, "kept"> | undefined;
  await recordOf(state, principalKey).update((current) => {
    const by = used && usedBy(current, used.ticket);
    refused = undefined;
    if (by !== undefined) refused = by === used?.by ? "kept_before" : "already_done";
    else if (generation !== undefined && current.generation !== generation) refused = "signed_out";
    return refused === undefined ? afterSignIn(current, signedIn, first, now(), used) : undefined;
  }, seen);
  if (refused !== undefined) return refused;
  emit(onEvent, { type: "grant_stored", oid: signedIn.account.oid, reason: "signed_in" });
  tellChanged(state, principalKey);
  return "kept";
}

async function removeGrantsOf(state: GrantsState, account: Pick<Account, "tid" | "oid">): Promise<void> {
  for (const principalKey of await state.index.list(account)) {
    const { grant } = await recordOf(state, principalKey).read();
    if (grant !== undefined && isSame(grant.account, account))
      await endStoredGrant(state, principalKey, "signed_out");
    await state.index.remove(account, principalKey);
  }
}

async function generationOf(state: GrantsState, principalKey: string): Promise<number> {
  const known = (await recordOf(state, principalKey).read()).generation;
  return known === 0 ? firstGeneration(state, principalKey) : known;
}

async function firstGeneration(state: GrantsState, principalKey: string): Promise<number> {
  let generation = 0;
  await recordOf(state, principalKey).create((current) => {
    const isFirst = current.generation === 0;
    generation = isFirst ? state.core.now() : current.generation;
    return isFirst ? { ...current, generation } : undefined;
  });
  return generation;
}
