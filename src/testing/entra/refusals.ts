/** One way Entra says no. */
export interface RefusalFacts {
  /** `error_codes`; the first is the one in the description. */
  readonly codes: readonly number[];
  readonly error: string;
  readonly suberror?: string;
  readonly status: number;
  /** The description without its trailer; `{name}` is filled in. */
  readonly text: string;
  /**
   * A: documentation; B: a raw response or a maintainer's statement seen in public; C: inferred; D: open, to
   * be compared with a real tenant by `npm run live`.
   */
  readonly confidence: "A" | "B" | "C" | "D";
  readonly source: string;
}

const codesPage = "learn.microsoft.com/entra/identity-platform/reference-error-codes";
const oboPage = "learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow";
const ficPage =
  "learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity";

function row(
  code: number,
  error: string,
  text: string,
  confidence: RefusalFacts["confidence"],
  source: string = codesPage,
  more: { readonly suberror?: string; readonly status?: number } = {},
): RefusalFacts {
  const status = more.status ?? (error === "invalid_client" ? 401 : 400);
  return { codes: [code], error, text, confidence, source, ...more, status };
}

/** Every refusal of the emulator. */
export type RefusalName =
  | "parameter_missing"
  | "malformed"
  | "grant_unsupported"
  | "response_type_unsupported"
  | "tenant_unknown"
  | "tenant_needed"
  | "single_tenant_app"
  | "client_unknown"
  | "client_disabled"
  | "credential_missing"
  | "secret_wrong"
  | "secret_expired"
  | "client_assertion_malformed"
  | "client_assertion_key_unknown"
  | "client_assertion_signature"
  | "client_assertion_audience"
  | "client_assertion_time"
  | "client_assertion_other_client"
  | "certificate_time"
  | "fic_none"
  | "fic_issuer"
  | "fic_audience"
  | "fic_subject"
  | "fic_subject_case"
  | "fic_not_app_only"
  | "fic_chained"
  | "fic_other_tenant"
  | "fic_issuer_unreachable"
  | "blueprint_app_only"
  | "blueprint_on_behalf_of"
  | "fmi_path_not_blueprint"
  | "fmi_path_unknown"
  | "scope_invalid"
  | "scope_not_default"
  | "several_resources"
  | "resource_unknown"
  | "resource_disabled"
  | "scope_unknown"
  | "resource_parameter"
  | "self_by_uri"
  | "assertion_key_unknown"
  | "assertion_signature"
  | "assertion_issuer"
  | "assertion_malformed"
  | "assertion_is_id_token"
  | "assertion_audience"
  | "agent_assertion_audience"
  | "assertion_time"
  | "assertion_app_only"
  | "consent_required"
  | "consent_declined"
  | "admin_consent_required"
  | "user_not_assigned"
  | "user_unknown"
  | "user_of_other_tenant"
  | "user_disabled"
  | "mfa_required"
  | "mfa_required_refresh"
  | "blocked"
  | "grant_revoked"
  | "sign_in_frequency"
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

/** As Entra writes them. Microsoft: react to `error`, never to the text. */
export const refusals: Readonly<Record<RefusalName, RefusalFacts>> = {
  // --- the request
  parameter_missing: row(
    900144,
    "invalid_request",
    "The request body must contain the following parameter: '{parameter}'.",
    "B",
  ),
  malformed: row(9002313, "invalid_request", "Invalid request. Request is malformed or invalid.", "B"),
  grant_unsupported: row(
    70003,
    "unsupported_grant_type",
    "The app requested an unsupported grant type '{grant}'.",
    "B",
    "tyk.io, Microsoft Entra on-behalf-of token exchange",
  ),
  response_type_unsupported: row(
    700054,
    "unsupported_response_type",
    "response_type '{type}' is not enabled for the application.",
    "A",
  ),
  tenant_unknown: row(
    90002,
    "invalid_request",
    "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.",
    "A",
  ),
  tenant_needed: row(
    50059,
    "invalid_request",
    "No tenant-identifying information found in either the request or implied by any provided credentials.",
    "A",
  ),
  single_tenant_app: row(
    50194,
    "invalid_request",
    "Application '{clientId}'({client}) is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant.",
    "A",
  ),

  // --- the client
  client_unknown: row(
    700016,
    "unauthorized_client",
    "Application with identifier '{clientId}' was not found in the directory '{tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
    "B",
    "github.com/microsoft/Agent365-devTools/pull/409",
  ),
  client_disabled: row(
    7000112,
    "unauthorized_client",
    "Application '{clientId}'({client}) is disabled.",
    "A",
  ),
  credential_missing: row(
    7000218,
    "invalid_client",
    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    "B",
  ),
  secret_wrong: row(
    7000215,
    "invalid_client",
    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{clientId}'.",
    "B",
  ),
  secret_expired: row(
    7000222,
    "invalid_client",
    "The provided client secret keys for app '{clientId}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.",
    "B",
  ),
  client_assertion_malformed: row(
    50027,
    "invalid_request",
    "JWT token is invalid or malformed.",
    "B",
    "github.com/FriedrichWeinmann/MiniGraph/issues/4",
  ),
  client_assertion_key_unknown: row(
    700027,
    "invalid_client",
    "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found., Thumbprint of key used by client: '{thumbprint}', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '{clientId}'.]",
    "B",
    "github.com/Azure/azure-sdk-for-net/issues/27646",
  ),
  client_assertion_signature: row(
    700027,
    "invalid_client",
    "Client assertion failed signature validation. [Reason - The provided signature value did not match the expected signature value., Thumbprint of key used by client: '{thumbprint}']",
    "B",
    "github.com/Azure/azure-sdk-for-net/issues/27646",
  ),
  client_assertion_audience: row(
    700023,
    "invalid_client",
    "Client assertion audience claim does not match Realm issuer. Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .",
    "A",
  ),
  client_assertion_time: row(
    700024,
    "invalid_client",
    "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {from}, expiry time of assertion {until}.",
    "B",
    "github.com/Azure/login/issues/180",
  ),
  client_assertion_other_client: row(
    700021,
    "invalid_client",
    "Client assertion application identifier doesn't match 'client_id' parameter.",
    "A",
  ),
  certificate_time: row(
    1000502,
    "invalid_client",
    "The provided certificate is not within its specified validity window.",
    "A",
    "github.com/AzureAD/microsoft-identity-web, Constants.cs",
  ),
  fic_none: row(
    70025,
    "invalid_client",
    "The client '{clientId}'({client}) has no configured federated identity credentials.",
    "B",
    "error text of azure/login runs quoted in public issues",
  ),
  fic_issuer: row(
    700211,
    "invalid_client",
    "No matching federated identity record found for presented assertion issuer '{issuer}'. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion.",
    "B",
    ficPage,
  ),
  fic_audience: row(
    700212,
    "invalid_client",
    "No matching federated identity record found for presented assertion audience '{audience}'. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion.",
    "B",
    ficPage,
  ),
  fic_subject: row(
    700213,
    "invalid_client",
    "No matching federated identity record found for presented assertion subject '{subject}'. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion.",
    "B",
    ficPage,
  ),
  fic_subject_case: row(
    7002138,
    "invalid_client",
    "No matching federated identity record found for presented assertion subject '{subject}'. The subject matches with case-insensitive comparison, but not with case-sensitive comparison.",
    "B",
    ficPage,
  ),
  fic_not_app_only: row(
    700229,
    "invalid_client",
    "Only app-only tokens can be used as Federated Identity Credentials for AAD issuer.",
    "A",
  ),
  fic_chained: row(
    700231,
    "invalid_client",
    "Token obtained using another federated identity credential may not be used as federated identity credential.",
    "B",
    "quoted in public by several who tried: Kubernetes workload identity, and a Foundry-hosted agent's managed identity, as a blueprint's federated credential; `error` is inferred",
  ),
  fic_other_tenant: row(
    700236,
    "invalid_client",
    "Entra ID tokens issued by issuer {issuer} may not be used for federated identity credential flows for applications or managed identities registered in this tenant.",
    "B",
    "learn.microsoft.com/answers/questions/2139753 (the text; `error` is inferred)",
  ),
  fic_issuer_unreachable: row(50166, "invalid_client", "Request to External OIDC endpoint failed.", "D"),

  // --- agent identities. Their documentation names few codes
  blueprint_app_only: row(
    82001,
    "unauthorized_client",
    "Agentic application '{clientId}' is not permitted to request app-only tokens for resource '{resource}'.",
    "B",
    "server answers quoted in public Agent 365 samples",
  ),
  blueprint_on_behalf_of: row(
    82002,
    "unauthorized_client",
    "Agentic application '{clientId}' is not permitted to request tokens on behalf of a user itself.",
    "C",
    "the code: reports of jwt-bearer requests of blueprints; agent-id/agent-oauth-protocols lists the grant as supported, so a live run decides; text and `error` are inferred",
  ),
  fmi_path_not_blueprint: row(
    90023,
    "invalid_request",
    "The parameter 'fmi_path' is not valid for application '{clientId}'.",
    "D",
  ),
  fmi_path_unknown: row(
    90023,
    "invalid_request",
    "The parameter 'fmi_path' names no agent identity of application '{clientId}': '{fmiPath}'.",
    "D",
  ),

  // --- what is asked for
  scope_invalid: row(
    70011,
    "invalid_scope",
    "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid.",
    "B",
    "github.com/Azure/azure-sdk-for-net/issues/9076",
  ),
  scope_not_default: row(
    1002012,
    "invalid_scope",
    "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).",
    "B",
  ),
  several_resources: row(
    28000,
    "invalid_request",
    "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope {scope} is not valid.",
    "C",
    "github.com/AzureAD/microsoft-authentication-library-for-js/issues/1487 (the code; `error` is inferred from 28003)",
  ),
  resource_unknown: row(
    500011,
    "invalid_resource",
    "The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.",
    "A",
  ),
  resource_disabled: row(
    50001,
    "invalid_resource",
    "The resource principal named {resource} is disabled in the tenant named {tenant}.",
    "C",
  ),
  scope_unknown: row(
    650053,
    "invalid_client",
    "The application '{client}' asked for scope '{scope}' that doesn't exist on the resource '{resourceId}'. Contact the app vendor.",
    "B",
    "github.com/MicrosoftDocs/azure-docs/issues/37280",
    { status: 400 },
  ),
  resource_parameter: row(
    9010010,
    "invalid_target",
    "The resource parameter provided in the request doesn't match with the requested scopes.",
    "B",
    "github.com/anthropics/claude-code/issues/52871",
  ),
  self_by_uri: row(
    90009,
    "invalid_request",
    "Application '{clientId}'({client}) is requesting a token for itself. This scenario is supported only if resource is specified using the GUID based App Identifier.",
    "D",
  ),

  // --- the user's assertion
  assertion_key_unknown: row(
    50013,
    "invalid_grant",
    "Assertion failed signature validation. [Reason - The key was not found., Thumbprint of key used by client: '{thumbprint}']",
    "B",
    "github.com/AzureAD/microsoft-authentication-library-for-dotnet/issues/1317",
  ),
  assertion_signature: row(
    50013,
    "invalid_grant",
    "Assertion failed signature validation. [Reason - The provided signature value did not match the expected signature value., Thumbprint of key used by client: '{thumbprint}']",
    "B",
    "github.com/AzureAD/microsoft-authentication-library-for-dotnet/issues/1317",
  ),
  assertion_issuer: row(
    50013,
    "invalid_grant",
    "Assertion failed validation. [Reason - The issuer '{issuer}' is not of the tenant that the request names.]",
    "C",
  ),
  assertion_malformed: row(
    50027,
    "invalid_request",
    "JWT token is invalid or malformed.",
    "B",
    "github.com/FriedrichWeinmann/MiniGraph/issues/4",
  ),
  assertion_is_id_token: row(
    240002,
    "invalid_request",
    "Input id_token cannot be used as 'urn:ietf:params:oauth:grant-type:jwt-bearer' grant.",
    "B",
    "github.com/microsoft/azure-spring-boot/issues/333",
  ),
  assertion_audience: row(
    500131,
    "invalid_grant",
    "Assertion audience does not match the Client app presenting the assertion. The audience in the assertion was '{audience}' and the expected audience is '{clientId}' or one of the Application Uris of this application with App ID '{clientId}'({client}). The downstream client must request a token for the expected audience (the application that made the OBO request) and this application should use that token as the assertion.",
    "B",
    "github.com/OfficeDev/microsoft-teams-apps-company-communicator/issues/214",
  ),
  agent_assertion_audience: row(
    50013,
    "invalid_grant",
    "Assertion failed signature validation. [Reason - The audience '{audience}' is not the agent identity blueprint '{clientId}'({client}).]",
    "A",
    "learn.microsoft.com/entra/agent-id/agent-on-behalf-of-oauth-flow (the code; the reason is inferred)",
  ),
  assertion_time: row(
    500133,
    "invalid_grant",
    "Assertion is not within its valid time range. Ensure that the access token is not expired before using it for user assertion, or request a new token. Current time: {now}, expiry time of assertion {until}.",
    "B",
    "github.com/microsoftgraph/msgraph-sdk-dotnet/issues/2551",
  ),
  assertion_app_only: row(
    7000114,
    "unauthorized_client",
    "Application '{clientId}' is not allowed to make application on-behalf-of calls.",
    "B",
    "github.com/AzureAD/microsoft-authentication-library-for-dotnet/issues/2130",
  ),

  // --- the user
  consent_required: row(
    65001,
    "invalid_grant",
    "The user or administrator has not consented to use the application with ID '{clientId}' named '{client}'. Send an interactive authorization request for this user and resource.",
    "B",
    oboPage,
    { suberror: "consent_required" },
  ),
  consent_declined: row(65004, "access_denied", "User declined to consent to access the app.", "A"),
  admin_consent_required: row(
    90094,
    "access_denied",
    "The grant requires admin permission. Ask an administrator of {tenant} to grant permission to app '{client}'.",
    "A",
  ),
  user_not_assigned: row(
    50105,
    "invalid_grant",
    "Your administrator has configured the application {resource} ('{resourceId}') to block users unless they are specifically granted ('assigned') access to the application. The signed in user '{upn}' is blocked because they are not a direct member of a group with access, nor had access directly assigned by an administrator.",
    "D",
  ),
  user_unknown: row(
    50034,
    "invalid_grant",
    "The user account does not exist in the {tenant} directory. To sign into this application, the account must be added to the directory.",
    "D",
  ),
  user_of_other_tenant: row(
    50020,
    "invalid_grant",
    "User account '{upn}' from identity provider '{issuer}' does not exist in tenant '{tenant}' and cannot access the application '{clientId}'({client}) in that tenant. The account needs to be added as an external user in the tenant first.",
    "D",
  ),
  user_disabled: row(50057, "invalid_grant", "The user account is disabled.", "C"),
  mfa_required: row(
    50076,
    "interaction_required",
    "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '{resourceId}'.",
    "A",
    oboPage,
    { suberror: "basic_action" },
  ),
  mfa_required_refresh: row(
    50076,
    "invalid_grant",
    "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '{resourceId}'.",
    "B",
    "github.com/AzureAD/microsoft-authentication-library-for-js/issues/5491",
    { suberror: "basic_action" },
  ),
  blocked: row(
    53003,
    "invalid_grant",
    "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
    "B",
    codesPage,
    { suberror: "message_only" },
  ),
  grant_revoked: row(
    50173,
    "invalid_grant",
    "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password. The grant was issued on '{issued}' and the TokensValidFrom date (before which tokens are not valid) for this user is '{from}'.",
    "B",
    codesPage,
    { suberror: "bad_token" },
  ),
  sign_in_frequency: row(
    70043,
    "invalid_grant",
    "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access. The token was issued on {issued} and the maximum allowed lifetime for this request is {lifetime}.",
    "B",
    codesPage,
    { suberror: "token_expired" },
  ),

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
