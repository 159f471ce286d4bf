import { entraAppInternals, type EntraApp } from "../../exchange/entra-app.js";
import { requestTokens } from "../../exchange/token-request.js";
import { isTokenExchangeError, type TokenExchangeError } from "../../errors.js";

/**
 * Requests the app's own token for a resource. Entra checks app and credential first, then the resource, so the
 * refusal says which one is wrong. Only the token's audience is used.
 */
export async function appToken(app: EntraApp, resource: string, signal: AbortSignal): Promise<string> {
  const { token } = await requestTokens(entraAppInternals(app), {
    tenantId: app.tenantId,
    account: "nobody",
    retries: 0,
    signal,
    send: (client) =>
      client.acquireTokenByClientCredential({ scopes: [`${resource}/.default`], skipCache: true }),
  });
  return token;
}

/** The code to show for a refusal with several: the first that the table knows. */
export function aadstsOf(error: TokenExchangeError): string | undefined {
  const named = /^AADSTS\d+/.exec(error.message)?.[0];
  return named ?? (error.errorCodes[0] === undefined ? undefined : `AADSTS${error.errorCodes[0]}`);
}

export function refusalIn(error: unknown): TokenExchangeError | undefined {
  if (isTokenExchangeError(error)) return error;
  const cause = error instanceof Error ? error.cause : undefined;
  return isTokenExchangeError(cause) ? cause : undefined;
}
