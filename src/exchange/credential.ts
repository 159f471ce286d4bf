import type { FetchLike } from "../runtime/runtime.js";

/** What a credential is asked for. */
export interface CredentialRequest {
  readonly clientId: string;
  /** The audience of a signed client assertion. */
  readonly tokenEndpoint: string;
  /** The audience of federated credentials in this cloud, without `/.default`. */
  readonly tokenExchangeAudience: string;
  /** How many times Entra has refused this exchange's credential so far; above 0, nothing cached may be used. */
  readonly refused: number;
  readonly now: () => number;
  /** Makes the id of a signed client assertion. */
  readonly newId: () => string;
  readonly fetch: FetchLike;
  readonly signal: AbortSignal;
}

/** How the app proves itself in one token request, and until when that may be kept. */
export type ClientAuthentication =
  | { readonly secret: string }
  | { readonly assertion: string; readonly expiresAt: number };

/**
 * How the confidential client proves itself to Entra. Made by `clientSecret()`, `certificate()`,
 * `federatedCredential()` and `workloadIdentityFile()`; what it holds stays inside its closure.
 * @group Entra app
 */
export interface ClientCredential {
  readonly kind: "client_secret" | "certificate" | "federated" | "workload_identity_file";
  /** Asked without any user context, for every token request that finds nothing cached. */
  authenticate(request: CredentialRequest): Promise<ClientAuthentication>;
}
