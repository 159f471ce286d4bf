import { emit } from "../../events/events.js";
import type { SignInContext } from "../sign-in-context.js";
import type { Account, FirstToken, Grant, Grants, NewGrant } from "./grant.js";
import { grantToken } from "./grant-tokens.js";
import { endStoredGrant, newGrantsState, recordOf, tellChanged, type GrantsState } from "./grants-state.js";
import { afterSignIn, checkOwner, isSame } from "./record-changes.js";

/**
 * The grants of one agent: kept in the store, sealed for their principal, refreshed when needed. The process
 * keeps only the work in flight, so a token is as good as the record it was read from.
 */
export function grants(core: SignInContext): Grants {
  const state = newGrantsState(core);
  const { index, listeners, refused } = state;
  return {
    find: (principalKey) => findGrant(state, principalKey),
    keep: (principalKey, signedIn, first, generation) =>
      keepGrant(state, principalKey, signedIn, { first, generation }),
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
    async knownGeneration(principalKey) {
      return (await recordOf(state, principalKey).read()).generation || undefined;
    },
    principalsOf: (account) => index.list(account),
    forget: (principalKey, token) => refused.add(principalKey, token),
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

async function keepGrant(
  state: GrantsState,
  principalKey: string,
  signedIn: NewGrant,
  { first, generation }: { readonly first: FirstToken | undefined; readonly generation: number | undefined },
): Promise<"kept" | "signed_out"> {
  const { now, onEvent } = state.core;
  checkOwner(principalKey, signedIn.account);
  // The index first: a grant that is in no index could not be found to be ended.
  await state.index.add(signedIn.account, principalKey, signedIn.until);
  const kept = await recordOf(state, principalKey).update((current) =>
    generation !== undefined && current.generation !== generation
      ? undefined
      : afterSignIn(current, signedIn, first, now()),
  );
  if (kept === undefined) return "signed_out";
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
  const { now } = state.core;
  const known = (await recordOf(state, principalKey).read()).generation;
  if (known !== 0) return known;
  const made = await recordOf(state, principalKey).update((current) =>
    current.generation === 0 ? { ...current, generation: now() } : undefined,
  );
  return made?.generation ?? (await recordOf(state, principalKey).read()).generation;
}
