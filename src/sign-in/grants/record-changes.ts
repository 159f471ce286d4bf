import type { Principal } from "../../context/principal.js";
import { HostedAgentIdentityError } from "../../errors.js";
import { wrongUserCauses } from "../../errors/causes/tokens.js";
import type { Account, FirstToken, NewGrant } from "./grant.js";
import { withKept } from "./kept-tokens.js";
import type { GrantRecord, KeptToken, StoredGrant } from "./record.js";

/** What a sign-in makes of the record. */
export function afterSignIn(
  { generation, grant: before }: GrantRecord,
  signedIn: NewGrant,
  first: FirstToken | undefined,
  time: number,
): GrantRecord {
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
    refreshedAt: time,
    indexedAt: time,
    signIns: (before?.signIns ?? 0) + 1,
    ...(signedIn.until === undefined ? {} : { until: signedIn.until }),
  };
  // Tokens of earlier sign-ins go: this one may have been asked for because they are not enough.
  const tokens: readonly KeptToken[] =
    first === undefined
      ? []
      : [
          {
            url: first.resource,
            scopes: first.scopes,
            ...(first.claims === undefined ? {} : { claims: first.claims }),
            token: first.token,
            obtainedAt: time,
            refreshAt: first.refreshAt,
            expiresAt: first.expiresAt,
          },
        ];
  // With no record the time stands in: it differs from what a store that lost its data had before.
  return { generation: generation === 0 ? time : generation, grant, tokens };
}

/** What a refresh makes of the record, whatever others made of it meanwhile; `undefined`: nothing. */
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
  const newest = refreshToken !== undefined && grant.refreshedAt <= kept.obtainedAt;
  return {
    generation: current.generation,
    grant: {
      ...grant,
      ...(newest ? { refreshToken, refreshedAt: kept.obtainedAt } : {}),
      updatedAt: Math.max(grant.updatedAt, kept.obtainedAt),
    },
    tokens: withKept(current.tokens, kept, kept.obtainedAt),
  };
}

/** A principal that names a person can own that person's grant only; one of a resource, none. */
export function checkOwner(principalKey: string, account: Account): void {
  const [kind, tid, oid] = JSON.parse(principalKey) as readonly [OwnerKind, ...string[]];
  switch (kind) {
    case "platform":
    case "long-running":
      return;
    case "entra":
      if (tid === account.tid && oid === account.oid) return;
      throw wrongUser("The account that signed in is not the one that asked.");
    case "resource":
    case "oidc":
      throw wrongUser("Whoever asked can own no grant.");
    default:
      throw unknownOwner(kind);
  }
}

/** What a grant is kept under: a principal, or long-running work with a grant of its own. */
export type OwnerKind = Principal["kind"] | "long-running";

function unknownOwner(_kind: never): HostedAgentIdentityError {
  return wrongUser("Whoever asked is of an unknown kind.");
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
