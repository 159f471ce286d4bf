import { inBackground, pause, settleOrAbort, withDeadline } from "../../async/deadline.js";
import { HostedAgentIdentityError, TokenExchangeError } from "../../errors.js";
import { entraTimeoutCauses } from "../../errors/causes/tokens.js";
import { emit } from "../../events/events.js";
import type { RefreshedToken } from "../../exchange/refresh-token-exchange.js";
import { fraction } from "../../runtime/runtime.js";
import { reindexMs } from "./account-index.js";
import type { GrantTokenRequest } from "./grant.js";
import { auditedRefresh, endStoredGrant, recordOf, type GrantsState } from "./grants-state.js";
import type { RefreshVerdict } from "./issuer.js";
import { findKept } from "./kept-tokens.js";
import { afterClaim, afterClaimedRefresh, afterRelease } from "./record-changes.js";
import { recordName } from "./record-names.js";
import {
  grantBinding,
  type GrantRecord,
  type KeptToken,
  type RefreshClaim,
  type StoredGrant,
} from "./record.js";

/** What a refresh with a claim is for. */
export interface ClaimedRefresh {
  readonly principalKey: string;
  readonly request: GrantTokenRequest;
  /** Ends the wait for the claim. A request that has been sent is not given up with it. */
  readonly signal: AbortSignal;
  serves(grant: StoredGrant): boolean;
}

/** A claim of this process, and the grant as it was written with it. */
interface Held {
  readonly principalKey: string;
  readonly claim: RefreshClaim;
  readonly grant: StoredGrant;
  /** The record with the claim, as it is stored. */
  readonly text: string;
  /** The age of the process when the store had not yet begun to count. */
  readonly since: number;
}

/** `late`: nothing was sent, and the claim is too old to begin. `moved`: the record has another grant or claim. */
type Used = { readonly kept: KeptToken } | "late" | "moved" | "ended";

/**
 * Refreshes a grant of a server that replaces refresh tokens: one process at a time, by a claim in the record. Whoever
 * waits is given what the claim's holder writes. A claim is taken over when the store has let its mark expire: by then
 * its holder's request cannot be under way any more. The refresh token is then tried again, once for each claim.
 *
 * A process that ends after the server has replaced the refresh token, and before the new one is written, costs the
 * grant wherever the server takes the second use of a refresh token for theft: `refresh_lost`.
 */
export async function refreshWithClaim(
  state: GrantsState,
  call: ClaimedRefresh,
  text: string,
): Promise<KeptToken | undefined> {
  const { principalKey, request, signal } = call;
  const { core, refused, seal } = state;
  const record = recordOf(state, principalKey);
  const isHeld = claimWatch(state);
  const isRefused = ({ token, obtainedAt }: KeptToken): boolean =>
    refused.has(principalKey, token, obtainedAt);
  let seen: string | undefined = text;
  let late: Held | undefined;
  for (;;) {
    const current: GrantRecord | undefined = seen === undefined ? undefined : seal.open(principalKey, seen);
    const grant = current?.grant;
    if (seen === undefined || current === undefined || grant === undefined || !call.serves(grant))
      return undefined;
    const made = findKept(current.tokens, request, core.now(), isRefused);
    if (made !== undefined && made.refreshAt > core.now()) return made;
    if (signal.aborted && late !== undefined) await release(state, late);
    signal.throwIfAborted();
    const { claim } = grant;
    const own = late?.claim.id;
    if (claim !== undefined && claim.id !== own && (await isHeld(claim))) {
      await pause(100 + 400 * fraction(core.random), signal);
    } else {
      const held = await takeClaim(state, principalKey, { seen, current, own });
      const used =
        held === undefined ? "moved" : await state.unfinished.track(useClaim(state, held, request));
      if (typeof used === "object") return used.kept;
      if (used === "ended") return undefined;
      late = used === "late" ? held : undefined;
    }
    seen = await record.raw();
  }
}

/** Whether a claim is held. One whose mark is gone counts as held a little longer, and only until it is looked at again. */
function claimWatch({ claims, clocks, core }: GrantsState): (claim: RefreshClaim) => Promise<boolean> {
  let gone: { readonly id: string; readonly since: number } | undefined;
  return async (claim) => {
    if ((await core.store.get(markOf(claim))) !== undefined) {
      gone = undefined;
      return true;
    }
    if (gone?.id !== claim.id) gone = { id: claim.id, since: clocks.age() };
    return clocks.age() - gone.since < claims.graceMs;
  };
}

/** Writes a claim over the record as it was seen. `undefined` when that has changed. */
async function takeClaim(
  state: GrantsState,
  principalKey: string,
  {
    seen,
    current,
    own,
  }: { readonly seen: string; readonly current: GrantRecord; readonly own?: string | undefined },
): Promise<Held | undefined> {
  const { claims, clocks, core, index, unfinished } = state;
  if (unfinished.isClosing()) throw new HostedAgentIdentityError("closed");
  const since = clocks.age();
  const claimed = afterClaim(current, Buffer.from(core.random(16)).toString("base64url"), own);
  if (claimed === undefined) return undefined;
  const { claim } = claimed.grant;
  const time = core.now();
  const isDue = time - claimed.grant.indexedAt > reindexMs || !core.keys.isCurrent(seen);
  // Here, because nothing may come between the server's answer and its record.
  if (isDue) await index.add(claimed.grant.account, principalKey, claimed.grant.until);
  const grant: StoredGrant = isDue ? { ...claimed.grant, indexedAt: time } : claimed.grant;
  // The mark first: a claim in the record whose mark is not there may be taken over.
  await core.store.setIfAbsent(markOf(claim), "held", claims.claimMs);
  let text: string | undefined;
  try {
    text = await recordOf(state, principalKey).replace(seen, { ...claimed, grant });
  } catch (cause) {
    // It may have been written. Nothing is sent under it, so nobody has to wait for it.
    await core.store.delete(markOf(claim)).catch(() => undefined);
    throw cause;
  }
  if (text === undefined) return undefined;
  await replicated(state, principalKey);
  return { principalKey, claim, grant, text, since };
}

/** Uses the refresh token and writes what comes back. */
async function useClaim(state: GrantsState, held: Held, request: GrantTokenRequest): Promise<Used> {
  const { core, clocks, claims, issuer } = state;
  const { grant, since } = held;
  const { account, refreshToken } = grant;
  const { scopes, claims: challenge } = request;
  const resource = request.resource.url;
  const timedOut = serverTimedOut(claims.requestMs);
  let step: "not sent" | "late" | "sent" = "not sent";
  let answer: RefreshedToken;
  try {
    answer = await withDeadline(
      claims.requestMs,
      undefined,
      () => timedOut,
      (signal) => {
        const beforeSend = (): void => {
          step = clocks.age() - since > claims.sendMs ? "late" : "sent";
          if (step === "late") throw new HostedAgentIdentityError("entra_timeout", "The claim is too old.");
        };
        const asked = { resource, refreshToken, account, scopes, claims: challenge };
        return auditedRefresh(state, held.principalKey, { ...asked, signal, beforeSend });
      },
    );
  } catch (cause) {
    return failed(state, held, {
      cause,
      step,
      verdict: cause === timedOut ? "unknown" : issuer.verdict(cause),
    });
  }
  const { token, refreshAt, expiresAt } = answer;
  const obtainedAt = core.now();
  const kept = { url: resource, scopes, claims: challenge, token, obtainedAt, refreshAt, expiresAt };
  return writeAnswer(state, held, { refreshToken: answer.refreshToken, kept });
}

interface Failure {
  readonly cause: unknown;
  readonly step: "not sent" | "late" | "sent";
  readonly verdict: RefreshVerdict;
}

/** What a failed refresh means for the grant. Throws the failure unless the grant has ended or moved on. */
async function failed(state: GrantsState, held: Held, { cause, step, verdict }: Failure): Promise<Used> {
  const { principalKey, claim, grant } = held;
  if (step === "late") return "late";
  if (step === "not sent" || verdict === "unused") {
    await release(state, held);
    throw cause;
  }
  // The claim stays for as long as the server may be at work.
  if (verdict === "unknown") throw cause;
  const reason = verdict === "revoked" && claim.takenOver ? "refresh_lost" : verdict;
  if ((await endStoredGrant(state, principalKey, reason, grant.refreshToken)) === "another") return "moved";
  if (reason === "refresh_lost") throw refreshLost(cause);
  if (reason === "account_disabled") throw cause;
  return "ended";
}

/** Gives the claim back. If that fails, the next refresh has to wait until it has expired. */
async function release(state: GrantsState, { principalKey, claim }: Held): Promise<void> {
  await recordOf(state, principalKey)
    .update((current) => afterRelease(current, claim.id))
    .catch(() => undefined);
}

interface Answer {
  readonly refreshToken: string | undefined;
  readonly kept: KeptToken;
}

/** Writes the answer now, or in the background for as long as it takes. Throws `store_unavailable` in that case. */
async function writeAnswer(state: GrantsState, held: Held, answer: Answer): Promise<Used> {
  try {
    return await tryToWrite(state, held, answer);
  } catch (cause) {
    const { refreshToken } = answer;
    // Where the server has not replaced the refresh token, nothing is lost.
    if (refreshToken === undefined || refreshToken === held.grant.refreshToken) throw cause;
    emit(state.core.onEvent, { type: "grant_at_risk", oid: held.grant.account.oid });
    state.unfinished.track(writeUntilClosed(state, held, answer)).catch(() => undefined);
    throw cause;
  }
}

/** Tries again until the answer is written or of no use any more, or until `close()` has waited long enough. */
async function writeUntilClosed(state: GrantsState, held: Held, answer: Answer): Promise<void> {
  // More often than the grace of whoever takes the claim over.
  const longestMs = state.claims.graceMs / 2;
  for (let waitMs = longestMs / 10; ; waitMs = Math.min(waitMs * 1.5, longestMs)) {
    const waited = new Promise<void>((resolve) => inBackground(setTimeout(resolve, waitMs)));
    await settleOrAbort(waited, state.unfinished.signal);
    const outcome = await tryToWrite(state, held, answer).catch(() => undefined);
    if (outcome !== undefined) return;
  }
}

async function tryToWrite(state: GrantsState, held: Held, { refreshToken, kept }: Answer): Promise<Used> {
  const { principalKey, claim, text } = held;
  let latest: StoredGrant | undefined;
  const next = await recordOf(state, principalKey).update(
    (current) => {
      latest = current.grant;
      return afterClaimedRefresh(current, claim.id, refreshToken, kept);
    },
    { text },
  );
  // An attempt that seemed to fail may have been written.
  if (next !== undefined || (refreshToken !== undefined && latest?.refreshToken === refreshToken)) {
    await replicated(state, principalKey);
    return { kept };
  }
  // Where a newer grant is stored, servers would end that as well (RFC 7009, 2.1; `oidc-provider` does).
  if (latest !== undefined) return "moved";
  if (refreshToken !== undefined) await revoke(state, refreshToken);
  return "ended";
}

/** Best effort: nobody else knows the refresh token. */
async function revoke({ claims, issuer }: GrantsState, refreshToken: string): Promise<void> {
  const { requestMs } = claims;
  await withDeadline(
    requestMs,
    undefined,
    () => serverTimedOut(requestMs),
    async (signal) => issuer.revoke?.(refreshToken, signal),
  ).catch(() => undefined);
}

/** Waits until a second server has the record, where the store has one. What it answers changes nothing. */
async function replicated({ core, issuer }: GrantsState, principalKey: string): Promise<void> {
  await core.store
    .replicated?.(recordName("grant", ...grantBinding(core, issuer, principalKey)))
    .catch(() => undefined);
}

function markOf({ id }: RefreshClaim): string {
  return recordName("claim", id);
}

function serverTimedOut(ms: number): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "entra_timeout",
    `The token server did not answer within ${ms} ms.`,
    entraTimeoutCauses.signIn,
  );
}

function refreshLost(cause: unknown): TokenExchangeError {
  return new TokenExchangeError(
    "refresh_lost",
    "The process that refreshed this grant stopped before it could write the new refresh token, and the server has revoked the old one.",
    { error: "invalid_grant" },
    { cause },
  );
}
