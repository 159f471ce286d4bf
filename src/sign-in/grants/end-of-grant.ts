import { isTokenExchangeError } from "../../errors.js";

/**
 * Refusals after which a refresh token is of no use to anybody. A grant that Entra only wants more for
 * (step-up, consent) stays, and so does one that could not be asked for.
 * Source: learn.microsoft.com, identity-platform/reference-error-codes; suberrors from MSAL.NET's
 * classification of MsalUiRequiredException.
 */
const revokedCodes: ReadonlySet<number> = new Set([
  // Revoked by the person, an administrator or a password change; a session that is gone.
  50173, 50132, 50133,
  // Expired, unused for 90 days, older than the tenant's sign-in frequency allows; a single-page app's day is over.
  70008,
  700082, 70043, 700084,
]);
const revokedSuberrors: ReadonlySet<string> = new Set(["bad_token", "token_expired"]);
const disabledCode = 50057;

/** Why a refusal ends the grant, or `undefined`. */
export function endOfGrant(cause: unknown): "revoked" | "account_disabled" | undefined {
  if (!isTokenExchangeError(cause)) return undefined;
  if (cause.errorCodes.includes(disabledCode)) return "account_disabled";
  const revoked =
    revokedSuberrors.has(cause.suberror ?? "") || cause.errorCodes.some((code) => revokedCodes.has(code));
  return revoked ? "revoked" : undefined;
}
