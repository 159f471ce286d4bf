import { codesPage, oboPage, row, type RefusalFacts } from "./facts.js";

/** What can be wrong with a scope, an assertion, or the user it is for. */
export type UserRefusal =
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
  | "sign_in_frequency";

/** Refusals of what is asked for, of the user's assertion, and of the user. */
export const userRefusals: Readonly<Record<UserRefusal, RefusalFacts>> = {
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
};
