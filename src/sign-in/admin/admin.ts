import type { Principal } from "../../context/principal.js";
import type { Account } from "../grants/grant.js";

/**
 * For the people who run a sign-in service, by their own tools. These are functions of the process: there is no route to
 * them, and `signInApi()` does not serve them. They do not check who calls: `actor` is what the audit names.
 *
 * All of them throw `invalid_option` and `store_unavailable`. Whatever ends something may be repeated after a failure.
 * @group Sign-in
 */
export interface SignInAdmin {
  /**
   * The grants in the store, page by page. With `person` they are found by the person, otherwise by a scan of the whole
   * store, for which it needs `scan()`. A page may be empty and still have a `next`. Throws `store_without_scan`,
   * `audit_unavailable`.
   */
  list(options: AdminListOptions): Promise<AdminPage>;
  /** Everything that is kept about a person, without tokens, codes, keys and links. Throws `audit_unavailable`. */
  export(options: AdminPersonOptions): Promise<AdminExport>;
  /**
   * Ends one grant of `list`, with what waits for a code and the long-running work of its principal. A chat stays pinned
   * to its account.
   */
  revoke(options: AdminRevokeOptions): Promise<AdminReceipt>;
  /** Ends all grants, work and codes of a person, who has to sign in again. Chats stay pinned to their accounts. */
  requireSignIn(options: AdminPersonOptions): Promise<AdminReceipt>;
  /**
   * Deletes everything of a person: for someone who leaves, or who asks for it. The same as `requireSignIn`, and the
   * pins, and the list of the account's principals.
   */
  erase(options: AdminPersonOptions): Promise<AdminReceipt>;
}

/**
 * Who: an account with everything that it signed in for at all agents of the service, or one user id of the platform.
 * `project` and `agent` are the platform's names; default: those of this process.
 * @group Sign-in
 */
export type AdminPerson =
  | { readonly tid: string; readonly oid: string }
  | { readonly platformUserId: string; readonly project?: string; readonly agent?: string };

/**
 * Who calls, and for whom.
 * @group Sign-in
 */
export interface AdminPersonOptions {
  /** Who calls, for the audit: a name or an id of yours, 1 to 256 characters. */
  readonly actor: string;
  readonly person: AdminPerson;
}

/**
 * Which grants `list` returns: those that meet all of it.
 * @group Sign-in
 */
export interface AdminListOptions {
  /** Who calls, for the audit: a name or an id of yours, 1 to 256 characters. */
  readonly actor: string;
  readonly person?: AdminPerson;
  /** The URL of a protected resource, as `resources` has it. */
  readonly resource?: string;
  /** Only grants that have given no new token for this long, in milliseconds. */
  readonly olderThanMs?: number;
  /** `next` of the page before. */
  readonly cursor?: string;
  /** How many grants a page has at most: 1 to 1 000. Default 100. */
  readonly limit?: number;
}

/**
 * Which grant `revoke` ends.
 * @group Sign-in
 */
export interface AdminRevokeOptions {
  /** Who calls, for the audit: a name or an id of yours, 1 to 256 characters. */
  readonly actor: string;
  /** `grant` of an entry of `list`. */
  readonly grant: string;
}

/**
 * One page of grants.
 * @group Sign-in
 */
export interface AdminPage {
  readonly grants: readonly AdminGrant[];
  /** For the next page; `undefined` when this was the last. */
  readonly next: string | undefined;
  /** Records of this page that do not open: sealed with a key that is gone, or changed. */
  readonly unreadable: number;
  /** Records of this page of agents or clients that this service does not have. */
  readonly foreign: number;
}

/**
 * One grant, without its tokens.
 * @group Sign-in
 */
export interface AdminGrant {
  /** For `revoke` only. It is sealed, and works in processes with the same encryption keys. */
  readonly grant: string;
  readonly agent: string;
  readonly account: Account;
  /** Absent for long-running work with a grant of its own. */
  readonly principal?: Principal | undefined;
  /** For such work: distinguishes it, and grants nothing. */
  readonly work?: string | undefined;
  /** The authorization server. */
  readonly issuer: string;
  readonly resources: readonly string[];
  readonly scopes: readonly string[];
  /** Milliseconds since the epoch, like the next two. */
  readonly signedInAt: number;
  /** When it last gave a new token. */
  readonly updatedAt: number;
  /** When it ends by itself, for long-running work. */
  readonly until?: number | undefined;
}

/**
 * What is kept about a person.
 * @group Sign-in
 */
export interface AdminExport {
  readonly v: 1;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly grants: readonly Omit<AdminGrant, "grant">[];
  /** Accounts that chats are pinned to. `unreadable` where the pin does not open. */
  readonly pins: readonly {
    readonly agent: string;
    readonly principal: Principal;
    readonly account: Account | "unreadable";
  }[];
  readonly works: readonly { readonly agent: string; readonly purpose: string; readonly until: number }[];
  /** Sign-ins that wait for a code, by when that ends. */
  readonly waiting: readonly { readonly agent: string; readonly expiresAt: number }[];
  /**
   * Messages that wait for a sign-in, or were given to a turn by one: of a platform user, or of chats that are pinned to
   * the account. A chat that only waits for this account's code may be another person's.
   */
  readonly messages: readonly {
    readonly agent: string;
    /** The whole message. Absent where it was too long to be kept. */
    readonly message?: string | undefined;
    /** Its beginning. */
    readonly title: string;
    /** The beginnings of those before it. */
    readonly earlier: readonly string[];
  }[];
  /** Grants of the person that do not open. */
  readonly unreadable: number;
}

/**
 * What a call has ended.
 * @group Sign-in
 */
export interface AdminReceipt {
  readonly v: 1;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly actor: string;
  readonly action: "revoke" | "require_sign_in" | "erase";
  /** How many of each were there and are gone. */
  readonly grants: number;
  readonly works: number;
  readonly codes: number;
  readonly pins: number;
  /** What this does not end, in words for the file. */
  readonly remains: readonly string[];
}
