import { digest } from "../sealing/digest.js";
import type { EntraAppInternals } from "./entra-app.js";
import type { ExchangedToken, ExpectedAccount } from "./token-answer.js";
import { requestTokens } from "./token-request.js";

/** One use of a refresh token. */
export interface RefreshRequest {
  /** The address of the resource: what the token is for. */
  readonly resource: string;
  readonly refreshToken: string;
  /** The account that signed in: its tenant is asked, and the answer must be its own. */
  readonly account: ExpectedAccount;
  /** Of one resource: the token call takes no more, whatever the person consented to. */
  readonly scopes: readonly string[];
  /** A claims challenge to meet, as a JSON string. */
  readonly claims: string | undefined;
  readonly signal: AbortSignal;
}

/** A token, and the refresh token to use from now on; the old one keeps working until it expires. */
export interface RefreshedToken extends ExchangedToken {
  readonly refreshToken: string | undefined;
}

/**
 * Gets a token with a refresh token, in the tenant of the account.
 * Source: learn.microsoft.com, identity-platform/v2-oauth2-auth-code-flow, "refresh the access token".
 * Throws {@link TokenExchangeError}, `wrong_user`, `client_credential_failed`.
 */
export async function exchangeRefreshToken(
  app: EntraAppInternals,
  request: RefreshRequest,
): Promise<RefreshedToken> {
  const { token, expiresAt, refreshAt, refreshToken } = await requestTokens(app, {
    tenantId: request.account.tid,
    account: request.account,
    exchange: digest("refresh_token", request.resource, request.scopes, request.claims),
    signal: request.signal,
    send: (client) =>
      client.acquireTokenByRefreshToken({
        refreshToken: request.refreshToken,
        scopes: [...request.scopes],
        ...(request.claims === undefined ? {} : { claims: request.claims }),
      }),
  });
  return { token, expiresAt, refreshAt, refreshToken };
}
