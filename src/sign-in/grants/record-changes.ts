import { signInProof } from "../../context/principal.js";
import { HostedAgentIdentityError } from "../../errors.js";
import { wrongUserCauses } from "../../errors/causes/tokens.js";
import type { Account, FirstToken, NewGrant } from "./grant.js";
import { grantOwner } from "./grant-owner.js";
import { withKept } from "./kept-tokens.js";
import type { GrantRecord, KeptToken, RefreshClaim, StoredGrant, UsedTicket } from "./record.js";

/** Longer than a link, a stay at Entra, a code and a yes can take together. */
const usedMs = 60 * 60_000;
/** How many links of one principal may be used up in that time. */
const maxUsed = 64;

/** Which sign-in has used a link up. */
export function usedBy({ used = [] }: GrantRecord, ticket: string): string | undefined {
  return used.find((one) => one.ticket === ticket)?.by;
}

/** The record after a sign-in. Throws `quota_reached` for one of a principal that has used up many links just now. */
export function afterSignIn(
  { generation, grant: before, used = [] }: GrantRecord,
  signedIn: NewGrant,
  first: FirstToken | undefined,
  time: number,
  by?: Pick<UsedTicket, "ticket" | "by">,
): GrantRecord {
  const others = used.filter(({ at }) => at + usedMs > time);
  if (others.length >= maxUsed) throw new HostedAgentIdentityError("quota_reached");
  if (before !== undefined && !isSame(before.account, signedIn.account)) {
    throw wrongUser("Another account is signed in here; it has to be disconnected first.");
  }
  const grant: StoredGrant = {
    account: signedIn.account,
    refreshToken: signedIn.refreshToken,
    resources: union(before?.resources, signedIn.resources),
    scopes: union(before?.scopes, signedIn.scopes),
    signedInAt: before?.signedInAt ?? time,
    updatedAt: time,
    // A refresh that is under way loses its claim, and its answer is not written.
    sequence: (before?.sequence ?? 0) + 1,
    indexedAt: time,
    signIns: (before?.signIns ?? 0) + 1,
    until: signedIn.until,
  };
  // Tokens of earlier sign-ins are dropped: this one may have been requested because they are not enough.
  const tokens = first === undefined ? [] : [firstToken(first, time)];
  // Without a record the time is the generation: it differs from those in a store that lost its data.
  return {
    generation: generation === 0 ? time : generation,
    grant,
    tokens,
    used: by === undefined ? others : [...others, { ...by, at: time }],
  };
}

function firstToken(first: FirstToken, obtainedAt: number): KeptToken {
  const { resource: url, scopes, claims, token, refreshAt, expiresAt } = first;
  return { url, scopes, claims, token, obtainedAt, refreshAt, expiresAt };
}

/**
 * The record after a refresh that began with `started`, at a server that allows several at a time. `undefined` when
 * that grant has ended meanwhile.
 */
export function afterRefresh(
  current: GrantRecord,
  started: GrantRecord,
  refreshToken: string | undefined,
  kept: KeptToken,
): GrantRecord | undefined {
  const { grant } = current;
  if (grant === undefined || current.generation !== started.generation) return undefined;
  if (!isSame(grant.account, started.grant?.account) || grant.signIns !== started.grant?.signIns)
    return undefined;
  const isFirst = grant.sequence === started.grant.sequence;
  return refreshed(current, grant, isFirst ? refreshToken : undefined, kept);
}

/** A record whose refresh token is claimed. */
export interface ClaimedRecord extends GrantRecord {
  readonly grant: StoredGrant & { readonly claim: RefreshClaim };
}

/** The record with a claim on its refresh token. `own`: the claim that the same process gives up for it. */
export function afterClaim(current: GrantRecord, id: string, own?: string): ClaimedRecord | undefined {
  const { grant } = current;
  if (grant === undefined) return undefined;
  const { claim, sequence } = grant;
  const takenOver = claim !== undefined && (claim.id !== own || claim.takenOver);
  return { ...current, grant: { ...grant, sequence: sequence + 1, claim: { id, takenOver } } };
}

/** The record without the claim, whose holder has not used the refresh token. `undefined` when it has another one. */
export function afterRelease(current: GrantRecord, id: string): GrantRecord | undefined {
  const { grant } = current;
  if (grant?.claim?.id !== id) return undefined;
  return { ...current, grant: { ...grant, sequence: grant.sequence + 1, claim: undefined } };
}

/** The record after the refresh of a claim's holder. `undefined` when the record has moved on. */
export function afterClaimedRefresh(
  current: GrantRecord,
  id: string,
  refreshToken: string | undefined,
  kept: KeptToken,
): GrantRecord | undefined {
  const { grant } = current;
  if (grant?.claim?.id !== id) return undefined;
  return refreshed(current, { ...grant, claim: undefined }, refreshToken, kept);
}

function refreshed(
  current: GrantRecord,
  grant: StoredGrant,
  refreshToken: string | undefined,
  kept: KeptToken,
): GrantRecord {
  return {
    generation: current.generation,
    grant: {
      ...grant,
      refreshToken: refreshToken ?? grant.refreshToken,
      sequence: grant.sequence + 1,
      updatedAt: Math.max(grant.updatedAt, kept.obtainedAt),
    },
    tokens: withKept(current.tokens, kept, kept.obtainedAt),
    used: current.used,
  };
}

/**
 * Throws `wrong_user` for an owner that may not have a grant of this account: a principal that names a user may
 * have that user's only, and one from a token for a resource may have none.
 */
export function checkOwner(principalKey: string, account: Account): void {
  const owner = grantOwner(principalKey);
  if (owner?.kind === "long-running") return;
  const proof = owner && signInProof(owner);
  if (proof === undefined) throw wrongUser("This principal can own no grant.");
  if (proof.by === "code") return;
  const { tid, oid } = proof;
  if (tid === account.tid && oid === account.oid) return;
  throw wrongUser("The account that signed in is not the one that asked.");
}

export function isSame(
  a: Pick<Account, "tid" | "oid">,
  b: Pick<Account, "tid" | "oid"> | undefined,
): boolean {
  return a.tid === b?.tid && a.oid === b.oid;
}

function union(a: readonly string[] | undefined, b: readonly string[]): readonly string[] {
  return [...new Set([...(a ?? []), ...b])].sort();
}

function wrongUser(message: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("wrong_user", `${message} Nothing was stored.`, wrongUserCauses.signIn);
}
