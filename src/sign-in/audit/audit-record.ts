import { flag, func, milliseconds, optional } from "../../options/checks.js";
import type { OptionTable } from "../../options/option-table.js";

/**
 * What the audit of a sign-in service is about. `sign_in`: a browser came back from Entra, and its code is exchanged.
 * `connect`: the account is stored for a principal. `code`: a code, or the answer after it, was refused. `refresh`: a refresh
 * token is used. `exchange`: a user token is exchanged for long-running work. `end`: a grant ended, for whatever reason.
 * The others are calls of `signIn.admin`.
 * @group Sign-in
 */
export type AuditAction =
  | "sign_in"
  | "connect"
  | "code"
  | "refresh"
  | "exchange"
  | "end"
  | "admin_list"
  | "admin_export"
  | "admin_revoke"
  | "admin_require_sign_in"
  | "admin_erase";

/**
 * One record of the audit. It holds no token, code, key or link. Fields may be added; `v` changes when one changes its
 * meaning or goes away. An account, a principal and an actor are personal data.
 * @group Sign-in
 */
export interface AuditRecord {
  /** The version of this form. */
  readonly v: 1;
  /** Random. An attempt and its outcome have the same. */
  readonly id: string;
  /** When it was made, in milliseconds since the epoch. */
  readonly at: number;
  /** `attempt`: written before anything is given. `outcome`: how it ended; it may lack an attempt. */
  readonly stage: "attempt" | "outcome";
  readonly action: AuditAction;
  /** Only of an outcome. `refused`: by Entra, a rule or the user. `failed`: anything else went wrong. */
  readonly outcome?: "done" | "refused" | "failed" | undefined;
  /** An error code of this package, or why the grant ended or the sign-in was refused. */
  readonly reason?: string | undefined;
  /** Whose agent's sign-in it is. */
  readonly agent: string;
  /** The canonical JSON of the principal. */
  readonly principal?: string | undefined;
  /** In place of the principal, for long-running work with a grant of its own: distinguishes it and grants nothing. */
  readonly work?: string | undefined;
  /** The account that signed in, as far as it is known. Tenant and object id, in lower case. */
  readonly account?: { readonly tid: string; readonly oid: string } | undefined;
  /** The URL of the protected resource. */
  readonly resource?: string | undefined;
  /** The scopes that are asked for. */
  readonly scopes?: readonly string[] | undefined;
  /** Who called `signIn.admin`, as the caller said. */
  readonly actor?: string | undefined;
  /** How many grants the call of `signIn.admin` returned or ended. */
  readonly grants?: number | undefined;
}

/**
 * Where the audit goes: the option `audit` of `createSignIn()`.
 * @group Sign-in
 */
export interface SignInAudit {
  /** Stores one record. It counts as stored when the promise resolves. */
  readonly write: (record: AuditRecord) => Promise<void>;
  /**
   * Whether what is not recorded must not happen: sign-ins, refreshes and exchanges, `admin.list` and `admin.export` are
   * then refused with `audit_unavailable`. Tokens at hand, sign-outs, revocations and erasures go on. Default `false`.
   */
  readonly required?: boolean;
  /** How long one record may take, in milliseconds. Default 250. */
  readonly timeoutMs?: number;
}

/** The option `audit`. */
export const auditOptions: OptionTable<SignInAudit> = {
  write: func<SignInAudit["write"]>(),
  required: optional(flag),
  timeoutMs: optional(milliseconds(1, 10_000)),
};
