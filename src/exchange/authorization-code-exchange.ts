import { stringClaim } from "../entra/token-claims.js";
import { HostedAgentIdentityError } from "../errors.js";
import { entraBadResponseCauses } from "../errors/causes/tokens.js";
import type { EntraAppInternals } from "./entra-app.js";
import type { ExchangedToken } from "./token-answer.js";
import { admitTenant, requestTokens } from "./token-request.js";

/** An authorization code, and the parameters of its authorize request. */
export interface AuthorizationCodeRequest {
  readonly code: string;
  /** The PKCE verifier whose S256 challenge went to the authorize endpoint. */
  readonly codeVerifier: string;
  readonly redirectUri: string;
  /** The nonce that went to the authorize endpoint: the id token must repeat it. */
  readonly nonce: string;
  /** The tenant whose authorize endpoint was used. */
  readonly tenantId: string;
  /** Of one resource: the token call takes no more, although the authorize request may. */
  readonly scopes: readonly string[];
  /** The claims challenge of the authorize request, if there was one. */
  readonly claims: string | undefined;
  readonly signal: AbortSignal;
}

/** The account a person signed in with. `username` and `name` are for display: both can change. */
export interface SignedInAccount {
  readonly tid: string;
  readonly oid: string;
  readonly username?: string | undefined;
  readonly name?: string | undefined;
}

/** What a sign-in gave. Compare `account` with the account that started it before anything is stored. */
export interface SignedIn extends ExchangedToken {
  readonly account: SignedInAccount;
  /** Whether the account is a guest in the tenant: another identity provider vouches for it. */
  readonly guest: boolean;
  readonly refreshToken: string;
}

/**
 * Redeems an authorization code, once. Proves that the answer is for our client, of a listed tenant, and for this
 * browser's request (nonce). The caller compares the account.
 * Source: learn.microsoft.com, identity-platform/v2-oauth2-auth-code-flow; OpenID Connect Core 3.1.3.7;
 * RFC 7636. Throws {@link TokenExchangeError}, `wrong_user`, `user_token_tenant`, `entra_bad_response`,
 * `client_credential_failed`.
 */
export async function exchangeAuthorizationCode(
  app: EntraAppInternals,
  request: AuthorizationCodeRequest,
): Promise<SignedIn> {
  const { claims, refreshToken, token, expiresAt, refreshAt } = await requestTokens(app, {
    tenantId: request.tenantId,
    account: undefined,
    signal: request.signal,
    send: (client) =>
      client.acquireTokenByCode({
        code: request.code,
        codeVerifier: request.codeVerifier,
        redirectUri: request.redirectUri,
        nonce: request.nonce,
        scopes: [...request.scopes],
        ...(request.claims === undefined ? {} : { claims: request.claims }),
      }),
  });
  // MSAL compares the nonce too, but what it thinks of an answer is not used here.
  if (stringClaim(claims, "nonce") !== request.nonce) {
    throw new HostedAgentIdentityError(
      "wrong_user",
      "The answer belongs to another sign-in. It was thrown away.",
    );
  }
  const tid = stringClaim(claims, "tid")?.toLowerCase();
  const oid = stringClaim(claims, "oid")?.toLowerCase();
  if (tid === undefined || oid === undefined) {
    throw new HostedAgentIdentityError("wrong_user", "The id token names no account. It was thrown away.");
  }
  await admitTenant(app.facts, tid);
  if (refreshToken === undefined) {
    throw new HostedAgentIdentityError(
      "entra_bad_response",
      "The answer has no refresh token; nothing could be kept.",
      entraBadResponseCauses.noRefreshToken,
    );
  }
  const username = stringClaim(claims, "preferred_username");
  const name = stringClaim(claims, "name");
  const account: SignedInAccount = { tid, oid, username, name };
  // Source: learn.microsoft.com, identity-platform/id-token-claims-reference, `idp`.
  const idp = stringClaim(claims, "idp");
  const guest = idp !== undefined && idp !== stringClaim(claims, "iss");
  return { token, expiresAt, refreshAt, refreshToken, account, guest };
}
