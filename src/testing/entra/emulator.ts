import { made } from "../../options/checks.js";
import type { OptionCheck } from "../../options/option-table.js";
import type { EntraApp, EntraTenant, EntraUser, ManagedIdentity } from "./directory-objects.js";
import type { IssuedSecret } from "./issued.js";
import type { EntraRequest } from "./log.js";
import type { FederatedCredentialOptions, RedirectUriOptions } from "./options.js";
import type { EntraPolicies } from "./policies.js";
import type { AppRef, UserRef } from "./refs.js";

/**
 * A running emulator of Entra.
 *
 * @group Test kit
 */
export interface EntraEmulator {
  /** Scheme, host and port. */
  readonly origin: string;
  /** For `entraApp({ cloud })`. */
  readonly cloud: {
    readonly loginEndpoint: string;
    readonly stsEndpoint: string;
    readonly tokenExchangeAudience: string;
  };
  readonly tenants: readonly EntraTenant[];
  readonly apps: readonly EntraApp[];
  readonly users: readonly EntraUser[];
  readonly policies: EntraPolicies;
  /** Every request so far, oldest first, without secrets. */
  readonly requests: readonly EntraRequest[];
  /**
   * The tokens, codes and secrets of this emulator, oldest first, the latest 5 000: for a test that searches logs
   * and pages for them.
   */
  readonly issued: readonly IssuedSecret[];
  /** The environment that `ManagedIdentityCredential` and MSAL read. */
  readonly managedIdentity: {
    readonly identities: readonly ManagedIdentity[];
    readonly env: { readonly IDENTITY_ENDPOINT: string; readonly IDENTITY_HEADER: string };
  };
  /** An app by name or client id. Throws `invalid_option` if it was not declared. */
  app(ref: AppRef): EntraApp;
  /** A user by name, upn or object id. Throws `invalid_option` if it was not declared. */
  user(ref: UserRef): EntraUser;
  /** Issues an access token for a user, as after a sign-in, without the sign-in. */
  issueUserToken(request: UserTokenRequest): Promise<string>;
  /** Issues an app-only access token for another app. */
  issueAppToken(request: AppTokenRequest): Promise<string>;
  /** Lets a client act for a user (or for everybody) on a resource. Scopes by their short names. */
  grantConsent(consent: ConsentChange & { readonly scopes: readonly string[] }): void;
  /** Takes back some scopes, or everything. */
  revokeConsent(consent: ConsentChange & { readonly scopes?: readonly string[] }): void;
  /** Revokes every grant issued to a user so far (AADSTS50173). */
  revokeSessions(user: UserRef): void;
  /** Signs with a new key; the old keys stay published unless `keepOld` is false. */
  rotateKeys(options?: { readonly keepOld?: boolean }): Promise<void>;
  addRedirectUri(app: AppRef, uri: string | RedirectUriOptions): void;
  addFederatedCredential(app: AppRef, credential: FederatedCredentialOptions): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * What `issueUserToken` issues.
 *
 * @group Test kit
 */
export interface UserTokenRequest {
  readonly user: UserRef;
  /** The app the token is for. */
  readonly app: AppRef;
  /** The app it is issued to; default the same app. */
  readonly client?: AppRef;
  /** Short names; default every scope of the app. */
  readonly scopes?: readonly string[];
  /** The tenant whose token it is (id, name or domain); default the user's home tenant. */
  readonly tenant?: string;
  /** Negative for an expired token. */
  readonly expiresInS?: number;
  /** Overrides; `undefined` takes a claim out. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly version?: 1 | 2;
  /** "unknown": a key that is not published. */
  readonly key?: "current" | "unknown";
  /** As if the user had signed in again with this claims challenge. */
  readonly claimsChallenge?: string;
}

/**
 * What `issueAppToken` issues.
 *
 * @group Test kit
 */
export interface AppTokenRequest {
  readonly app: AppRef;
  readonly client: AppRef;
  readonly tenant?: string;
  readonly roles?: readonly string[];
  readonly expiresInS?: number;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly version?: 1 | 2;
}

/**
 * The client, resource and user of a consent.
 *
 * @group Test kit
 */
export interface ConsentChange {
  readonly user?: UserRef;
  /** An administrator's consent, for everybody of the tenant. */
  readonly allUsers?: boolean;
  readonly client: AppRef;
  readonly resource: AppRef;
  /** Default: the user's home tenant, or the client's. */
  readonly tenant?: string;
}

/** The emulator that another part of the test kit works with. */
export const entraOption: OptionCheck<EntraEmulator> = made<EntraEmulator>("what startEntra() returned", {
  app: "function",
  users: "list",
});
