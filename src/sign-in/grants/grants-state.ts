import { clocksOf, type Clocks } from "../../async/clocks.js";
import { singleFlight, type SingleFlight } from "../../async/single-flight.js";
import { forgottenPrincipals, type Forgotten } from "../../context/internals.js";
import { HostedAgentIdentityError } from "../../errors.js";
import { emit } from "../../events/events.js";
import type { AccessToken } from "../../sources/token-source.js";
import type { SignInContext } from "../sign-in-context.js";
import { accountIndex, type AccountIndex } from "./account-index.js";
import { ownerProof } from "./grant-owner.js";
import type { RefreshedToken } from "../../exchange/refresh-token-exchange.js";
import type { GrantIssuer, GrantRefresh } from "./issuer.js";
import { isSame } from "./record-changes.js";
import { recordName } from "./record-names.js";
import {
  grantBinding,
  noRecord,
  recordSeal,
  type GrantRecord,
  type RecordSeal,
  type StoredGrant,
} from "./record.js";
import { refusedTokens, type RefusedTokens } from "./refused-tokens.js";
import { sealedCell, type Cell } from "./sealed-cell.js";

/** What one process knows about the grants of one agent. The grants themselves stay in the store. */
export interface GrantsState {
  readonly core: SignInContext;
  readonly issuer: GrantIssuer;
  readonly claims: ClaimTimes;
  readonly clocks: Clocks;
  readonly seal: RecordSeal;
  readonly index: AccountIndex;
  /** Claimed refresh tokens that are being used or written. */
  readonly unfinished: Unfinished;
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

/** How long the steps of a refresh with a claim may take, in milliseconds. */
export interface ClaimTimes {
  /** How long the store keeps a claim. More than the next two and the limits of the store together. */
  readonly claimMs: number;
  /** How old a claim may be when the request leaves. */
  readonly sendMs: number;
  /** How long the server may take. */
  readonly requestMs: number;
  /** How long a claim has to be gone before it is taken over: its holder may be about to write after an outage. */
  readonly graceMs: number;
  /** How long `close()` waits for refresh tokens that are being used, or could not be written yet. */
  readonly closeMs: number;
}

export const claimTimes: ClaimTimes = {
  claimMs: 45_000,
  sendMs: 5_000,
  requestMs: 10_000,
  graceMs: 2_500,
  closeMs: 5_000,
};

/** The state with nothing in it. */
export function newGrantsState(core: SignInContext, issuer: GrantIssuer, claims: ClaimTimes): GrantsState {
  const seal = recordSeal(core, issuer);
  return {
    core,
    issuer,
    claims,
    clocks: clocksOf(core.now),
    seal,
    index: accountIndex(core, core.store, async (principalKey, account) => {
      const { grant } = await recordOf({ core, issuer, seal }, principalKey).read();
      return grant !== undefined && isSame(grant.account, account);
    }),
    unfinished: unfinishedWork(),
    refused: refusedTokens(core.now),
    refreshes: singleFlight(),
    listeners: new Set(),
    forgotten: forgottenPrincipals(),
  };
}

/** The stored record of a principal. */
export function recordOf(
  { core, issuer, seal }: Pick<GrantsState, "core" | "issuer" | "seal">,
  principalKey: string,
): Cell<GrantRecord> {
  return sealedCell<GrantRecord>(core.store, {
    key: recordName("grant", ...grantBinding(core, issuer, principalKey)),
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

/** One use of a refresh token, with its audit. What comes back never waits for its record: it may have to be written. */
export function auditedRefresh(
  { core, issuer }: GrantsState,
  principalKey: string,
  request: GrantRefresh,
): Promise<RefreshedToken> {
  const { account, resource, scopes } = request;
  return core.audit.around(
    { action: "refresh", agent: core.agent, owner: principalKey, account, resource, scopes },
    () => issuer.refresh(request),
  );
}

/** Why a grant ends. */
type EndReason = "signed_out" | "revoked" | "account_disabled" | "refresh_lost";

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
    await recordOf(state, principalKey).update(({ grant, generation, used }) => {
      another = grant !== undefined && refreshToken !== undefined && grant.refreshToken !== refreshToken;
      ended = another ? undefined : grant;
      // A sign-out counts even with nothing to end: long-running work may depend on it.
      if (ended === undefined && refreshToken !== undefined) return undefined;
      return { generation: Math.max(now(), generation + 1), grant: undefined, tokens: [], used };
    });
  } finally {
    tellChanged(state, principalKey);
  }
  if (ended !== undefined) {
    emit(onEvent, { type: "grant_ended", oid: ended.account.oid, reason });
    const { agent, audit } = state.core;
    const { account } = ended;
    audit.note({ action: "end", agent, owner: principalKey, account }, { outcome: "done", reason });
    // A chat stays pinned to its account, so forgetAccount() must still find it.
    if (ownerProof(principalKey)?.by !== "code") await state.index.remove(ended.account, principalKey);
  }
  return another ? "another" : "ended";
}

/** Refresh tokens of claims that are being used or written: a process should not end before. */
interface Unfinished {
  /** `close()` waits for the work. */
  track<T>(work: Promise<T>): Promise<T>;
  /** Whether `close()` was called: then begin nothing new. */
  isClosing(): boolean;
  /** Aborts when `close()` waits no longer. */
  readonly signal: AbortSignal;
  /** Waits until nothing is left, for at most so many milliseconds. */
  close(waitMs: number): Promise<void>;
}

function unfinishedWork(): Unfinished {
  const running = new Set<Promise<unknown>>();
  const controller = new AbortController();
  let closing = false;
  return {
    track(work) {
      const done = work.finally(() => running.delete(done));
      running.add(done);
      return done;
    },
    isClosing: () => closing,
    signal: controller.signal,
    async close(waitMs) {
      closing = true;
      let timer: NodeJS.Timeout | undefined;
      let isOver = false;
      const over = new Promise<void>((resolve) => {
        timer = setTimeout(() => {
          isOver = true;
          resolve();
        }, waitMs);
      });
      // What is running may leave more to do.
      while (running.size > 0 && !isOver) await Promise.race([Promise.allSettled(running), over]);
      clearTimeout(timer);
      controller.abort(new HostedAgentIdentityError("closed"));
    },
  };
}
