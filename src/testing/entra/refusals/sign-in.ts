import { codesPage, row, type RefusalFacts } from "./facts.js";

/** What can be wrong with a code, a refresh token, a page, or with Entra itself. */
export type SignInRefusal =
  | "grant_malformed"
  | "grant_of_other_client"
  | "grant_expired"
  | "refresh_inactive"
  | "refresh_spa"
  | "code_redeemed"
  | "code_of_other_tenant"
  | "code_verifier_wrong"
  | "code_redirect_differs"
  | "origin_not_spa"
  | "origin_missing"
  | "redirect_mismatch"
  | "agent_no_authorize"
  | "agent_response_type"
  | "login_required"
  | "account_selection_required"
  | "flow_expired"
  | "throttled"
  | "transient";

/** Refusals of codes and refresh tokens, and on sign-in pages. */
export const signInRefusals: Readonly<Record<SignInRefusal, RefusalFacts>> = {
  // --- codes and refresh tokens
  grant_malformed: row(
    9002313,
    "invalid_grant",
    "Invalid request. Request is malformed or invalid.",
    "B",
    "github.com/MicrosoftDocs/azure-docs/issues/63819",
  ),
  grant_of_other_client: row(70000, "invalid_grant", "Provided grant is invalid or malformed.", "B"),
  grant_expired: row(
    70008,
    "invalid_grant",
    "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
    "B",
    "github.com/Azure/azure-cli",
  ),
  refresh_inactive: row(
    700082,
    "invalid_grant",
    "The refresh token has expired due to inactivity. The token was issued on {issued} and was inactive for 90.00:00:00.",
    "B",
    "github.com/microsoft/blobfile/issues/93",
  ),
  refresh_spa: row(
    700084,
    "invalid_grant",
    "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which can't be extended. It is now expired and a new sign in request must be sent by the SPA to the sign in page. The token was issued on {issued}.",
    "A",
  ),
  code_redeemed: row(
    54005,
    "invalid_grant",
    "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
    "A",
  ),
  code_of_other_tenant: row(
    700005,
    "invalid_grant",
    "Provided Authorization Code is intended to use against other tenant, thus rejected.",
    "A",
  ),
  code_verifier_wrong: row(
    501481,
    "invalid_grant",
    "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
    "A",
  ),
  code_redirect_differs: row(
    500112,
    "invalid_client",
    "The reply address '{given}' does not match the reply address '{expected}' provided when requesting Authorization code.",
    "D",
    codesPage,
    { status: 400 },
  ),
  origin_not_spa: row(
    9002326,
    "invalid_request",
    "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type. Request origin: '{origin}'.",
    "A",
  ),
  origin_missing: row(
    9002327,
    "invalid_request",
    "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests.",
    "A",
  ),

  // --- shown on a page, or sent back to the app's redirect URI
  redirect_mismatch: row(
    50011,
    "invalid_request",
    "The redirect URI '{uri}' specified in the request does not match the redirect URIs configured for the application '{clientId}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more about how to fix this.",
    "A",
  ),
  agent_no_authorize: row(
    82014,
    "invalid_request",
    "Agent identities cannot be used in interactive flows; an administrator consents for their blueprint.",
    "A",
    "learn.microsoft.com/entra/agent-id/agent-on-behalf-of-oauth-flow (the code; text and `error` are inferred)",
  ),
  agent_response_type: row(
    82018,
    "invalid_request",
    "Response types other than none are not allowed for agent blueprints and agent Identities.",
    "B",
    "text quoted in public Copilot Studio samples; `error` is inferred",
  ),
  login_required: row(
    50058,
    "login_required",
    "A silent sign-in request was sent but no user is signed in.",
    "A",
  ),
  account_selection_required: row(
    16000,
    "interaction_required",
    "Either multiple user identities are available for the current request or selected account is not supported for the scenario.",
    "A",
  ),
  flow_expired: row(50089, "invalid_request", "Authentication failed due to flow token expired.", "A"),

  // --- Entra itself
  throttled: row(
    90055,
    "temporarily_unavailable",
    "The server has terminated the request due to excessive request rate.",
    "A",
    codesPage,
    { status: 429 },
  ),
  transient: row(
    90033,
    "temporarily_unavailable",
    "A transient error has occurred. Please try again.",
    "C",
    codesPage,
    { status: 503 },
  ),
};
