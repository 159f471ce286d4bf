import { singleFlight, type SingleFlight } from "../../async/single-flight.js";
import { forgottenPrincipals, type Forgotten } from "../../context/forgotten.js";
import { emit } from "../../events/events.js";
import type { AccessToken } from "../../sources/token-source.js";
import { recordBinding, type SignInContext } from "../sign-in-context.js";
import { accountIndex, type AccountIndex } from "./account-index.js";
import { ownerProof } from "./grant-owner.js";
import { isSame } from "./record-changes.js";
import { recordName } from "./record-names.js";
import { noRecord, recordSeal, type GrantRecord, type RecordSeal, type StoredGrant } from "./record.js";
import { refusedTokens, type RefusedTokens } from "./refused-tokens.js";
import { sealedCell, type Cell } from "./sealed-cell.js";

/** What one process knows about the grants of one agent. The grants themselves stay in the store. */
export interface GrantsState {
  readonly core: SignInContext;
  readonly seal: RecordSeal;
  readonly index: AccountIndex;
  /** Tokens that a resource refused. */
  readonly refused: RefusedTokens;
  /** Refreshes that are running. */
  readonly refreshes: SingleFlight<GivenToken | undefined>;
  /** Called when a principal has signed in or out in this process. */
  readonly listeners: Set<(principalKey: string) => void>;
  /** Who signed in or out, so that a token that was being read meanwhile is not handed out. */
  readonly forgotten: Forgotten;
}

/** An access token, and when Entra issued it. */
export interface GivenToken extends AccessToken {
  readonly obtainedAt: number;
}

/** Entra keeps an unused refresh token for 90 days. Source: learn.microsoft.com, identity-platform/refresh-tokens. */
const lifetimeMs = 90 * 24 * 3_600_000;

/** The state with nothing in it. */
export function newGrantsState(core: SignInContext): GrantsState {
  const seal = recordSeal(core);
  return {
    core,
    seal,
    index: accountIndex(core, core.store, async (principalKey, account) => {
      const { grant } = await recordOf({ core, seal }, principalKey).read();
      return grant !== undefined && isSame(grant.account, account);
    }),
    refused: refusedTokens(core.now),
    refreshes: singleFlight(),
    listeners: new Set(),
    forgotten: forgottenPrincipals(),
  };
}

/** The stored record of a principal. */
export function recordOf(
  { core, seal }: Pick<GrantsState, "core" | "seal">,
  principalKey: string,
): Cell<GrantRecord> {
  return sealedCell<GrantRecord>(core.store, {
    key: recordName("grant", ...recordBinding(core, principalKey)),
    ttlMs: lifetimeMs,
    ttlOf: ({ grant }) => Math.max(1, Math.min(lifetimeMs, (grant?.until ?? Infinity) - core.now())),
    none: noRecord,
    seal: (record) => seal.seal(principalKey, record),
    open: (text) => seal.open(principalKey, text),
  });
}

/** Tells the listeners that the principal's tokens from before do not count any more. */
export function tellChanged({ forgotten, listeners }: GrantsState, principalKey: string): void {
  forgotten.add(principalKey);
  for (const listener of listeners) listener(principalKey);
}

/** Why a grant ends. */
type EndReason = "signed_out" | "revoked" | "account_disabled";

/** Ends the grant, or only the one with this refresh token. `another`: a newer grant has taken its place. */
export async function endStoredGrant(
  state: GrantsState,
  principalKey: string,
  reason: EndReason,
  refreshToken?: string,
): Promise<"ended" | "another"> {
  const { now, onEvent } = state.core;
  let ended: StoredGrant | undefined;
  let another = false;
  try {
    await recordOf(state, principalKey).update(({ grant, generation }) => {
      another = grant !== undefined && refreshToken !== undefined && grant.refreshToken !== refreshToken;
      ended = another ? undefined : grant;
      // A sign-out counts even with nothing to end: long-running work may depend on it.
      if (ended === undefined && refreshToken !== undefined) return undefined;
      return { generation: Math.max(now(), generation + 1), grant: undefined, tokens: [] };
    });
  } finally {
    tellChanged(state, principalKey);
  }
  if (ended !== undefined) {
    emit(onEvent, { type: "grant_ended", oid: ended.account.oid, reason });
    // A chat stays pinned to its account, so forgetAccount() must still find it.
    if (ownerProof(principalKey)?.by !== "code") await state.index.remove(ended.account, principalKey);
  }
  return another ? "another" : "ended";
}
