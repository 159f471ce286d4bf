import type { ExchangedToken } from "../../exchange/token-answer.js";
import type { AccessToken } from "../../sources/token-source.js";
import type { ProtectedResource } from "../../sources/protected-resource.js";

/**
 * The account a person signed in with, out of the id token. `username` and `name` are for display: both can
 * change. Source: learn.microsoft.com, identity-platform/id-token-claims-reference.
 * @group Sign-in
 */
export interface Account {
  /** The tenant, a GUID in lower case. */
  readonly tid: string;
  /** The object id in that tenant, a GUID in lower case. */
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
  /** Scopes that were asked for and consented to, sorted. */
  readonly scopes: readonly string[];
  /** When the account was first connected, milliseconds since the epoch. */
  readonly signedInAt: number;
  readonly updatedAt: number;
  /** When it ends by itself: that of long-running work. Milliseconds since the epoch. */
  readonly until?: number;
  /** The principal's generation when it was stored: a sign-out raises it, and what is older no longer counts. */
  readonly generation: number;
}

/** Grants in the store, and the tokens they give. */
export interface Grants {
  /** The live grant of a principal, or `undefined`. */
  find(principalKey: string): Promise<Grant | undefined>;
  /**
   * Stores what a sign-in brought: joins resources and scopes with what was there for the same account.
   * `scopes` are those that were asked for, spelled as the resources spell them. `first` is the access token
   * that came along. Throws `wrong_user` for another account than the principal's own, or than the one that
   * is signed in: the binding has decided who may be kept, this is only the last door. With the generation under which the
   * sign-in began it stores nothing once that has ended, and tells so.
   */
  keep(
    principalKey: string,
    signedIn: NewGrant,
    first?: FirstToken,
    generation?: number,
  ): Promise<"kept" | "signed_out">;
  /**
   * An access token, refreshed when needed; `undefined` when no grant serves this resource and scopes. Throws
   * what Entra refused a live grant with, above all `step_up_required`, and `store_unavailable`.
   */
  token(principalKey: string, request: GrantTokenRequest): Promise<AccessToken | undefined>;
  /**
   * Deletes the grant and raises the generation: replicas drop cached tokens within a minute. `user`: the principal
   * whose turns used it, where that is another one, as for long-running work.
   */
  remove(principalKey: string, user?: string): Promise<void>;
  /** Deletes the grants of every principal that signed in with this account. */
  removeAccount(account: Pick<Account, "tid" | "oid">): Promise<void>;
  /** The keys of the principals that signed in with this account: for its connections page. */
  principalsOf(account: Pick<Account, "tid" | "oid">): Promise<readonly string[]>;
  /** Does not give this token (or any that it gave so far) to the principal again: the resource refused it. */
  forget(principalKey: string, token?: string): void;
  /**
   * The number that a sign-out of this principal raises, whether or not there is a grant: what was begun under
   * another one has ended. Never 0.
   */
  generation(principalKey: string): Promise<number>;
  /** The same, but `undefined` where it would have to be written first: for what anybody may set off. */
  knownEpoch(principalKey: string): Promise<number | undefined>;
  /** Calls when a principal signed in or out in this process. Returns how to stop. */
  subscribe(changed: (principalKey: string) => void): () => void;
}

/** What a sign-in brought. */
export type NewGrant = Omit<Grant, "generation" | "signedInAt" | "updatedAt">;

/** The access token that came with an authorization code. */
export interface FirstToken extends ExchangedToken {
  /** URL of the resource it is for. */
  readonly resource: string;
  readonly scopes: readonly string[];
  /** The claims challenge the sign-in met, if there was one. */
  readonly claims?: string | undefined;
}

export interface GrantTokenRequest {
  readonly resource: ProtectedResource;
  readonly scopes: readonly string[];
  readonly claims: string | undefined;
  readonly signal: AbortSignal;
}
