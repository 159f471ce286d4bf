import type { AppRef, UserRef } from "./refs.js";

/**
 * A way to get a token.
 *
 * @group Test kit
 */
export type EntraGrant =
  | "authorization_code"
  | "refresh_token"
  | "client_credentials"
  | "on_behalf_of"
  | "managed_identity";

/**
 * Which requests a policy is about; every field that is given must match.
 *
 * @group Test kit
 */
export interface PolicyTarget {
  readonly user?: UserRef;
  /** The app that asks. */
  readonly client?: AppRef;
  /** The app the token is for. */
  readonly resource?: AppRef;
  readonly grant?: EntraGrant;
  /** Default "token". Others than "token" only for `throttled`, `transient`, `slow`, `hang`, `html` and `reset`. */
  readonly endpoint?: "token" | "keys" | "discovery" | "authorize";
  /** How often it applies; default without end (`swap`: one pair). */
  readonly times?: number;
}

/**
 * Something that makes Entra answer otherwise.
 *
 * @group Test kit
 */
export type EntraPolicy = PolicyTarget &
  (
    | {
        /** Conditional access asks for a second factor, unless the sign-in behind the token had it. */
        readonly type: "mfa";
      }
    | {
        /** The resource asks for an authentication context (`acrs`), for example "c1". */
        readonly type: "auth_context";
        readonly value: string;
      }
    /** Conditional access blocks; nothing the user can do (AADSTS53003). */
    | { readonly type: "blocked" }
    /** The account is disabled (AADSTS50057). */
    | { readonly type: "disabled" }
    /** Every grant of the user counts as revoked (AADSTS50173). */
    | { readonly type: "revoked" }
    /** Refresh tokens are too old for the sign-in frequency (AADSTS70043). */
    | { readonly type: "sign_in_frequency" }
    | {
        /** Any other refusal. */
        readonly type: "refuse";
        readonly codes: readonly number[];
        readonly error?: string;
        readonly suberror?: string;
        readonly claims?: string;
        readonly status?: number;
        readonly description?: string;
        readonly retryAfterS?: number;
      }
    /** 429 with Retry-After. */
    | { readonly type: "throttled"; readonly retryAfterS?: number }
    /** A 5xx as Entra writes it. */
    | { readonly type: "transient"; readonly status?: number }
    | { readonly type: "slow"; readonly delayMs: number }
    /** Never answers. */
    | { readonly type: "hang" }
    /** A page of a proxy instead of JSON. */
    | { readonly type: "html"; readonly status?: number }
    /** Cuts the connection. */
    | { readonly type: "reset" }
    /** Two responses change places: each caller receives the other's. Waits for the second request. */
    | { readonly type: "swap" }
  );
