import { isTokenExchangeError } from "../../errors.js";
import type { EntraAppInternals } from "../../exchange/entra-app.js";
import {
  exchangeRefreshToken,
  type RefreshedToken,
  type RefreshRequest,
} from "../../exchange/refresh-token-exchange.js";

/** The server that grants come from, our client there, and how it treats refresh tokens. */
export interface GrantIssuer {
  readonly kind: "entra" | "oauth";
  /** What the server is called; with the client id and the resource set a part of each record's key. */
  readonly issuer: string;
  readonly clientId: string;
  /** The resources that one refresh token serves: `any` of the client's, or the URL of one. */
  readonly resourceSet: string;
  /**
   * `parallel` where a used refresh token stays valid. Everywhere else `one_at_a_time`, from the first refresh on: some
   * servers return the same refresh token for weeks before they replace it, and two uses at that moment end the grant.
   */
  readonly refreshes: "parallel" | "one_at_a_time";
  /** One request, never repeated where refreshes go one at a time. */
  refresh(request: GrantRefresh): Promise<RefreshedToken>;
  /** What a failure of `refresh` says about the refresh token. */
  verdict(cause: unknown): RefreshVerdict;
  /** Ends a refresh token at the server (RFC 7009). Absent where the server cannot. */
  revoke?(refreshToken: string, signal: AbortSignal): Promise<void>;
}

/** One refresh at the server of a grant. */
export interface GrantRefresh extends RefreshRequest {
  /**
   * Call it directly before the request leaves. It throws when the right to use the refresh token may be another
   * process's by now: then send nothing.
   */
  beforeSend(): void;
}

/**
 * `revoked` and `account_disabled`: the grant has ended. `unused`: the server has answered, and the refresh token is as
 * it was. `unknown`: the server may have replaced it.
 */
export type RefreshVerdict = "revoked" | "account_disabled" | "unused" | "unknown";

/**
 * Grants of Entra. It replaces a refresh token at each use, and does not revoke the one that was used.
 * Source: learn.microsoft.com, identity-platform/refresh-tokens.
 */
export function entraIssuer(app: EntraAppInternals): GrantIssuer {
  const { cloud, clientId } = app.facts;
  return {
    kind: "entra",
    issuer: cloud.loginEndpoint,
    clientId,
    resourceSet: "any",
    refreshes: "parallel",
    refresh: (request) => exchangeRefreshToken(app, request),
    verdict: entraVerdict,
  };
}

/**
 * Refusals after which a refresh token is of no use to anybody. A grant that Entra only wants more for
 * (step-up, consent) stays, and so does one that could not be asked for.
 * Source: learn.microsoft.com, identity-platform/reference-error-codes; suberrors from MSAL.NET's
 * classification of MsalUiRequiredException.
 */
const revokedCodes: ReadonlySet<number> = new Set([
  // Revoked by the person, an administrator or a password change; a session that is gone.
  50173, 50132, 50133,
  // Expired, unused for 90 days, too old altogether or for the tenant's sign-in frequency; a single-page app's day is over.
  70008,
  700082, 700081, 70043, 700084,
]);
const revokedSuberrors: ReadonlySet<string> = new Set(["bad_token", "token_expired"]);
/** 500571: a guest's, in the tenant that the guest is in. */
const disabledCodes: ReadonlySet<number> = new Set([50057, 500571]);

function entraVerdict(cause: unknown): RefreshVerdict {
  if (!isTokenExchangeError(cause)) return "unknown";
  if (cause.errorCodes.some((code) => disabledCodes.has(code))) return "account_disabled";
  const revoked =
    revokedSuberrors.has(cause.suberror ?? "") || cause.errorCodes.some((code) => revokedCodes.has(code));
  return revoked ? "revoked" : "unused";
}
