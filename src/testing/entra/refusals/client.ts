import { ficPage, row, type RefusalFacts } from "./facts.js";

/** What can be wrong with the request or the app that sends it. */
export type ClientRefusal =
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
  | "fmi_path_unknown";

/** Refusals of a request, of its client, and of agent identities. */
export const clientRefusals: Readonly<Record<ClientRefusal, RefusalFacts>> = {
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
};
