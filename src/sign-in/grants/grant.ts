import type { AccessToken } from "../../tokens/token-source.js";
import type { ProtectedResource } from "../../tokens/protected-resource.js";

/** The account a person signed in with. `username` and `name` are for display: both can change. */
export interface Account {
  readonly tid: string;
  readonly oid: string;
  readonly username?: string;
  readonly name?: string;
}

/** What a sign-in left behind, one for each principal and client. Only ever stored sealed. */
export interface Grant {
  readonly account: Account;
  readonly refreshToken: string;
  /** URLs of the resources it may serve. */
  readonly resources: readonly string[];
  /** Scopes that were consented to, sorted. */
  readonly scopes: readonly string[];
  /** Milliseconds since the epoch. */
  readonly signedInAt: number;
  readonly updatedAt: number;
  /** The principal's epoch when it was stored: a sign-out raises it, and what is older no longer counts. */
  readonly epoch: number;
}

/** Grants in the store, and the tokens they give. */
export interface Grants {
  /** The live grant of a principal, or `undefined`. */
  find(principalKey: string): Promise<Grant | undefined>;
  /** Stores what a sign-in brought: joins resources and scopes with what was there for the same account. */
  keep(principalKey: string, signedIn: Omit<Grant, "epoch" | "signedInAt" | "updatedAt">): Promise<void>;
  /** An access token, refreshed when needed; `undefined` when no grant serves this resource and scopes. */
  token(principalKey: string, request: GrantTokenRequest): Promise<AccessToken | undefined>;
  /** Deletes the grant and raises the epoch: replicas drop cached tokens within a minute. */
  remove(principalKey: string): Promise<void>;
  /** Deletes the grants of every principal that signed in with this account. */
  removeAccount(account: Pick<Account, "tid" | "oid">): Promise<void>;
}

export interface GrantTokenRequest {
  readonly resource: ProtectedResource;
  readonly scopes: readonly string[];
  readonly claims: string | undefined;
  readonly signal: AbortSignal;
}
