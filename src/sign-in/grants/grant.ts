import type { ExchangedToken } from "../../exchange/token-answer.js";
import type { AccessToken } from "../../sources/token-source.js";
import type { ProtectedResource } from "../../sources/protected-resource.js";
import type { GrantIssuer } from "./issuer.js";
import type { SeenText } from "./sealed-cell.js";

/**
 * The account that a user signed in with, from the id token. `username` and `name` are for display: both can
 * change. Source: learn.microsoft.com, identity-platform/id-token-claims-reference.
 * @group Sign-in
 */
export interface Account {
  /** The tenant, a GUID in lower case. */
  readonly tid: string;
  /** The object id in that tenant, a GUID in lower case. */
  readonly oid: string;
  readonly username?: string | undefined;
  readonly name?: string | undefined;
}

/** The result of a sign-in, one for each principal and client. It is stored sealed only. */
export interface Grant {
  readonly account: Account;
  readonly refreshToken: string;
  /** URLs of the resources it may serve. */
  readonly resources: readonly string[];
  /** The scopes that the user consented to, sorted. */
  readonly scopes: readonly string[];
  /** When the account was first connected, milliseconds since the epoch. */
  readonly signedInAt: number;
  /** When it last gave a new token. Uses of a token that is cached are not written. */
  readonly updatedAt: number;
  /** When it ends by itself, for long-running work. Milliseconds since the epoch. */
  readonly until?: number | undefined;
  /** The principal's generation when it was stored. A sign-out raises it, and grants of an older one do not count. */
  readonly generation: number;
}

/** Grants in the store, and the tokens they give. */
export interface Grants {
  /** The live grant of a principal, or `undefined`. */
  find(principalKey: string): Promise<Grant | undefined>;
  /**
   * Stores the result of a sign-in, and joins its resources and scopes with those of the same account. `scopes`
   * are the requested ones, spelled as the resources spell them. `first` is the access token that came with the
   * code. Throws `wrong_user` for an account other than the principal's own, or than the one that is signed in. The
   * callers check that first; this is the last guard.
   */
  keep(principalKey: string, signedIn: NewGrant, first?: FirstToken, how?: Keeping): Promise<Kept>;
  /** The principal's record as it is now, for a decision and the write that may follow. */
  look(principalKey: string): Promise<SeenGrant>;
  /** The list of an account's principals as it is now, for {@link Grants.enlist}. */
  lookAtList(account: Pick<Account, "tid" | "oid">): Promise<SeenText>;
  /** Lists a principal under an account that is about to sign in with it. Throws `quota_reached`. */
  enlist(account: Pick<Account, "tid" | "oid">, principalKey: string, seen?: SeenText): Promise<void>;
  /**
   * An access token, refreshed when needed; `undefined` when no grant serves this resource and scopes. Throws
   * Entra's refusal of a live grant, above all `step_up_required`, and `store_unavailable`.
   */
  token(principalKey: string, request: GrantTokenRequest): Promise<AccessToken | undefined>;
  /**
   * Deletes the grant and raises the generation: replicas drop cached tokens within a minute. `user` is the
   * principal whose turns used the grant, where that is another one, as for long-running work.
   */
  remove(principalKey: string, user?: string): Promise<void>;
  /** Deletes the grants of every principal that signed in with this account. */
  removeAccount(account: Pick<Account, "tid" | "oid">): Promise<void>;
  /** The keys of the principals that signed in with this account: for its connections page. */
  principalsOf(account: Pick<Account, "tid" | "oid">): Promise<readonly string[]>;
  /** Stops giving this token, or without one any token from before now, to the principal: the resource refused it. */
  forget(principalKey: string, token?: string): void;
  /**
   * The number that a sign-out of this principal raises, with or without a grant. Whatever began under another
   * number has ended. Never 0.
   */
  generation(principalKey: string): Promise<number>;
  /** The same for a principal that most likely has none yet: it is written without a look before. */
  firstGeneration(principalKey: string): Promise<number>;
  /** What the text of a `grant:` record is that a scan of the store found. It never holds a token. */
  found(text: string): FoundRecord;
  /** The same for the record of one principal, if there is one. */
  lookUp(principalKey: string): Promise<FoundRecord | undefined>;
  /**
   * Lists a principal under an account that it may soon sign in with, for a quarter of an hour: what waits for its code
   * can be found by the account then. Throws `quota_reached`.
   */
  expect(account: Pick<Account, "tid" | "oid">, principalKey: string): Promise<void>;
  /** Takes a principal off the list of an account. It is for whoever has ended everything else. */
  unlist(account: Pick<Account, "tid" | "oid">, principalKey: string): Promise<void>;
  /** Waits up to 5 s for refreshes that hold a claim, and for a refresh token that could not be written yet. */
  close(): Promise<void>;
  /** Calls `changed` when a principal signs in or out in this process. Returns a function that unsubscribes. */
  subscribe(changed: (principalKey: string) => void): () => void;
}

/** A principal's record as it was read. */
export interface SeenGrant extends SeenText {
  /** `undefined` for a principal that has no record. */
  readonly generation: number | undefined;
  /** Which sign-in has used a link up; `undefined` for one that can be used. */
  usedBy(ticket: string): string | undefined;
}

/** How the result of a sign-in is stored. */
export interface Keeping {
  /** The principal's when the sign-in began: nothing is stored when it has changed since. */
  readonly generation?: number | undefined;
  /** The link that this uses up, and the id of the sign-in. Nothing is stored when it was used before. */
  readonly used?: { readonly ticket: string; readonly by: string } | undefined;
  readonly seen?: SeenText | undefined;
  /** The account's list as it was read; `listed` when the principal was written into it just now. */
  readonly list?: SeenText | "listed" | undefined;
}

/** `kept_before`: by the same sign-in, which was cut off afterwards. */
export type Kept = "kept" | "kept_before" | "signed_out" | "already_done";

/** What a record's key is made of. */
export interface GrantAddress extends Pick<GrantIssuer, "kind" | "issuer" | "clientId" | "resourceSet"> {
  readonly agent: string;
  readonly principalKey: string;
}

/**
 * A record as it was found. `another`: of another agent, issuer, client or resource set, unverified. `ended`: signed
 * out. `unreadable`: sealed with a key that is gone, changed, or not in this version's form.
 */
export type FoundRecord =
  | { readonly status: "unreadable" }
  | { readonly status: "another" | "ended"; readonly address: GrantAddress }
  | ({ readonly status: "live"; readonly address: GrantAddress } & Omit<Grant, "refreshToken">);

/** A grant as a sign-in returns it. */
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
  /** Called when nothing at all is stored for the principal. */
  readonly onNothing?: (() => void) | undefined;
}
