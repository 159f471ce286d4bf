import { entraAppInternals, type EntraApp } from "../../exchange/entra-app.js";
import { requestTokens } from "../../exchange/token-request.js";
import { failure, type Finding } from "../finding.js";
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

/** A check that Entra refused, with its AADSTS code: of several codes the one that the table knows. */
export function refusedBy(refusal: TokenExchangeError, check: string): Finding {
  const found = failure(check, refusal);
  const [first] = refusal.errorCodes;
  const named = /^AADSTS\d+/.exec(refusal.message)?.[0];
  return { ...found, code: named ?? (first === undefined ? found.code : `AADSTS${first}`) };
}

/** Entra's refusal, where an error is one or was caused by one. */
export function refusalIn(error: unknown): TokenExchangeError | undefined {
  if (isTokenExchangeError(error)) return error;
  const cause = error instanceof Error ? error.cause : undefined;
  return isTokenExchangeError(cause) ? cause : undefined;
}
