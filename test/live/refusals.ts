/**
 * What Entra must refuse, one row a refusal: the request, the body to expect, and where that is known from.
 * The same rows run against the emulator (raw, and through unmodified MSAL) and, with `npm run live`,
 * against a real tenant. Values in braces come from the world the rows run in (`WorldValue`); a row whose
 * values a world does not have is reported as not tried.
 */
export interface RefusalRow {
  readonly name: string;
  /** The tenant in the URL; default `{tenant}`. */
  readonly tenant?: string;
  readonly form: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent twice: the refusal is the second answer. */
  readonly twice?: true;
  readonly expected: {
    readonly status: number;
    readonly error: string;
    readonly codes: readonly number[];
    readonly suberror?: string;
    /** The member of `access_token` in the claims challenge. */
    readonly claims?: "polids" | "capolids" | "acrs";
    readonly retryAfter?: true;
  };
  /** Why MSAL cannot be made to send this request; otherwise it is sent through MSAL too. */
  readonly notMsal?: string;
  /** A: documentation. B: a raw response seen in public. C: inferred. D: open; a live run decides. */
  readonly confidence: "A" | "B" | "C" | "D";
  readonly source: string;
}

/** What a world provides. Live, each comes from the environment variable of the same name in capitals. */
export type WorldValue =
  | "tenant" // id of the tenant of everything else
  | "tenant_foreign" // another tenant where the client is installed
  | "client_id"
  | "client_secret"
  | "client_secret_expired"
  | "client_id_other" // another client of the tenant, with client_secret_other
  | "client_secret_other"
  | "client_id_disabled"
  | "client_id_foreign" // an app that exists only in another tenant
  | "client_id_certificate" // an app with certificates
  | "client_id_federated" // an app with federated credentials
  | "client_assertion_unknown_certificate"
  | "client_assertion_wrong_signature"
  | "client_assertion_wrong_audience"
  | "client_assertion_expired"
  | "client_assertion_other_client"
  | "client_assertion_certificate_expired"
  | "federated_wrong_issuer"
  | "federated_wrong_subject"
  | "federated_wrong_case"
  | "federated_wrong_audience"
  | "federated_user_token"
  | "federated_chained" // a token that was got with a federated credential itself
  | "client_id_federated_abroad" // an app that trusts a managed identity of another tenant
  | "federated_other_tenant" // that identity's token
  | "client_id_blueprint" // an agent identity blueprint, with client_secret_blueprint
  | "client_secret_blueprint"
  | "agent_identity" // client id of an agent identity of that blueprint
  | "agent_identity_foreign" // of another blueprint's
  | "agent_identity_unconsented" // one that nobody consented for, with an exchange token of its own
  | "exchange_token" // the blueprint's, for agent_identity
  | "exchange_token_foreign_tenant" // the same, asked for in tenant_foreign
  | "exchange_token_unconsented"
  | "exchange_token_unnamed" // the blueprint's, for no agent identity
  | "user_token_blueprint" // an assertion for the blueprint
  | "app_token_blueprint" // an app-only token for the blueprint
  | "scope" // a consented scope of the MCP server, fully qualified
  | "scope_resource" // its app-ID URI
  | "scope_unconsented"
  | "scope_second_resource" // a scope of another resource
  | "scope_assigned_only" // a scope of a resource that demands assignment
  | "user_token" // a good assertion for client_id
  | "user_token_second" // one of somebody else
  | "user_token_other_audience"
  | "user_token_expired"
  | "user_token_unknown_key"
  | "user_token_wrong_signature"
  | "app_token" // an app-only token for client_id
  | "id_token" // an id token for client_id
  | "user_token_mfa" // of a person under a policy that asks for a second factor
  | "user_token_blocked"
  | "user_token_disabled"
  | "user_token_revoked"
  | "user_token_unassigned"
  | "user_token_unknown_person"
  | "user_token_noncompliant"
  | "user_token_throttled"
  | "user_token_transient"
  | "code" // a fresh code of client_id for redirect_uri, asked for with code_verifier
  | "code_expired"
  | "code_spa"
  | "code_verifier"
  | "redirect_uri"
  | "redirect_uri_other"
  | "redirect_uri_spa"
  | "refresh_token" // of client_id
  | "refresh_token_revoked"
  | "refresh_token_too_old" // for the sign-in frequency
  | "refresh_token_inactive"
  | "refresh_token_mfa";

const codesPage = "learn.microsoft.com/entra/identity-platform/reference-error-codes";
const oboPage = "learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow";
const ficPage =
  "learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity";

const secret = { client_id: "{client_id}", client_secret: "{client_secret}" };
const obo = {
  ...secret,
  grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
  requested_token_use: "on_behalf_of",
  assertion: "{user_token}",
  scope: "{scope}",
};
const appOnly = { ...secret, grant_type: "client_credentials", scope: "{scope_resource}/.default" };
const code = {
  ...secret,
  grant_type: "authorization_code",
  code: "{code}",
  code_verifier: "{code_verifier}",
  redirect_uri: "{redirect_uri}",
  scope: "{scope} openid",
};
const refresh = {
  ...secret,
  grant_type: "refresh_token",
  refresh_token: "{refresh_token}",
  scope: "{scope}",
};
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const signed = (client: string, assertion: string): Record<string, string> => ({
  grant_type: "client_credentials",
  scope: "{scope_resource}/.default",
  client_id: `{${client}}`,
  client_assertion_type: assertionType,
  client_assertion: `{${assertion}}`,
});

function without(form: Readonly<Record<string, string>>, field: string): Record<string, string> {
  return Object.fromEntries(Object.entries(form).filter(([name]) => name !== field));
}

const onBehalfOf: readonly RefusalRow[] = [
  {
    name: "consent is missing",
    form: { ...obo, scope: "{scope_unconsented}" },
    expected: { status: 400, error: "invalid_grant", codes: [65001], suberror: "consent_required" },
    confidence: "B",
    source: oboPage,
  },
  {
    name: "the assertion is for another audience",
    form: { ...obo, assertion: "{user_token_other_audience}" },
    expected: { status: 400, error: "invalid_grant", codes: [500131] },
    confidence: "B",
    source: "github.com/OfficeDev/microsoft-teams-apps-company-communicator/issues/214",
  },
  {
    name: "the assertion has expired",
    form: { ...obo, assertion: "{user_token_expired}" },
    expected: { status: 400, error: "invalid_grant", codes: [500133] },
    confidence: "B",
    source: "github.com/microsoftgraph/msgraph-sdk-dotnet/issues/2551",
  },
  {
    name: "the assertion is an app's own token",
    form: { ...obo, assertion: "{app_token}" },
    expected: { status: 400, error: "unauthorized_client", codes: [7000114] },
    confidence: "B",
    source: "github.com/AzureAD/microsoft-authentication-library-for-dotnet/issues/2130",
  },
  {
    name: "the assertion is an id token",
    form: { ...obo, assertion: "{id_token}" },
    expected: { status: 400, error: "invalid_request", codes: [240002] },
    confidence: "B",
    source: "github.com/microsoft/azure-spring-boot/issues/333",
  },
  {
    name: "the assertion is signed with an unknown key",
    form: { ...obo, assertion: "{user_token_unknown_key}" },
    expected: { status: 400, error: "invalid_grant", codes: [50013] },
    confidence: "B",
    source: codesPage,
  },
  {
    name: "the assertion was tampered with",
    form: { ...obo, assertion: "{user_token_wrong_signature}" },
    expected: { status: 400, error: "invalid_grant", codes: [50013] },
    confidence: "B",
    source: "github.com/AzureAD/microsoft-authentication-library-for-dotnet/issues/1317",
  },
  {
    name: "the assertion is no token at all",
    form: { ...obo, assertion: "not-a-token" },
    expected: { status: 400, error: "invalid_request", codes: [50027] },
    confidence: "B",
    source: "github.com/FriedrichWeinmann/MiniGraph/issues/4",
  },
  {
    name: "the URL names another tenant than the assertion",
    tenant: "{tenant_foreign}",
    form: obo,
    expected: { status: 400, error: "invalid_grant", codes: [50013] },
    confidence: "C",
    source: codesPage,
  },
  {
    name: "the assertion is missing",
    form: without(obo, "assertion"),
    expected: { status: 400, error: "invalid_request", codes: [900144] },
    notMsal: "MSAL always sends it",
    confidence: "B",
    source: codesPage,
  },
  {
    name: "requested_token_use is missing",
    form: without(obo, "requested_token_use"),
    expected: { status: 400, error: "invalid_request", codes: [900144] },
    notMsal: "MSAL always sends it",
    confidence: "D",
    source: codesPage,
  },
  {
    name: "the scope is missing",
    form: without(obo, "scope"),
    expected: { status: 400, error: "invalid_request", codes: [900144] },
    notMsal: "MSAL always adds OpenID scopes",
    confidence: "B",
    source: codesPage,
  },
  {
    name: "the claims are no JSON",
    form: { ...obo, claims: "{" },
    expected: { status: 400, error: "invalid_request", codes: [9002313] },
    notMsal: "MSAL parses them first",
    confidence: "D",
    source: codesPage,
  },
  {
    name: "a second factor is needed",
    form: { ...obo, assertion: "{user_token_mfa}" },
    expected: {
      status: 400,
      error: "interaction_required",
      codes: [50076],
      suberror: "basic_action",
      claims: "polids",
    },
    confidence: "A",
    source: oboPage,
  },
  {
    name: "an authentication context is asked for that the sign-in does not have",
    form: { ...obo, claims: '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}' },
    expected: {
      status: 400,
      error: "interaction_required",
      codes: [50076],
      suberror: "basic_action",
      claims: "acrs",
    },
    confidence: "C",
    source:
      "learn.microsoft.com/entra/identity-platform/developer-guide-conditional-access-authentication-context",
  },
  {
    name: "conditional access blocks",
    form: { ...obo, assertion: "{user_token_blocked}" },
    expected: {
      status: 400,
      error: "invalid_grant",
      codes: [53003],
      suberror: "message_only",
      claims: "capolids",
    },
    confidence: "B",
    source: codesPage,
  },
  {
    name: "the device is not compliant",
    form: { ...obo, assertion: "{user_token_noncompliant}" },
    expected: {
      status: 400,
      error: "interaction_required",
      codes: [53000],
      suberror: "additional_action",
      claims: "capolids",
    },
    confidence: "D",
    source: codesPage,
  },
  {
    name: "the account is disabled",
    form: { ...obo, assertion: "{user_token_disabled}" },
    expected: { status: 400, error: "invalid_grant", codes: [50057] },
    confidence: "C",
    source: codesPage,
  },
  {
    name: "the user's sessions were revoked",
    form: { ...obo, assertion: "{user_token_revoked}" },
    expected: { status: 400, error: "invalid_grant", codes: [50173], suberror: "bad_token" },
    confidence: "C",
    source: codesPage,
  },
  {
    name: "the user is not assigned to the resource",
    form: { ...obo, assertion: "{user_token_unassigned}", scope: "{scope_assigned_only}" },
    expected: { status: 400, error: "invalid_grant", codes: [50105] },
    confidence: "D",
    source: codesPage,
  },
  {
    name: "the user is not in the directory",
    form: { ...obo, assertion: "{user_token_unknown_person}" },
    expected: { status: 400, error: "invalid_grant", codes: [50034] },
    confidence: "D",
    source: codesPage,
  },
  {
    name: "the user is throttled",
    form: { ...obo, assertion: "{user_token_throttled}" },
    expected: { status: 429, error: "temporarily_unavailable", codes: [90055], retryAfter: true },
    confidence: "A",
    source: codesPage,
  },
  {
    name: "Entra has a transient error",
    form: { ...obo, assertion: "{user_token_transient}" },
    expected: { status: 503, error: "temporarily_unavailable", codes: [90033] },
    confidence: "C",
    source: codesPage,
  },
];

const scopesAndResources: readonly RefusalRow[] = [
  {
    name: "the resource is not in the tenant",
    form: { ...obo, scope: "api://00000000-1111-4222-8333-444444444444/anything" },
    expected: { status: 400, error: "invalid_resource", codes: [500011] },
    confidence: "A",
    source: codesPage,
  },
  {
    name: "the scopes are of several resources",
    form: { ...obo, scope: "{scope} {scope_second_resource}" },
    expected: { status: 400, error: "invalid_request", codes: [28000] },
    confidence: "C",
    source: "github.com/AzureAD/microsoft-authentication-library-for-js/issues/1487",
  },
  {
    name: "a bare scope is looked for in Microsoft Graph",
    form: { ...obo, scope: "mcp.read" },
    expected: { status: 400, error: "invalid_client", codes: [650053] },
    confidence: "B",
    source: "github.com/MicrosoftDocs/azure-docs/issues/37280",
  },
  {
    name: "the resource does not have the scope",
    form: { ...obo, scope: "{scope_resource}/nobody.exposed.this" },
    expected: { status: 400, error: "invalid_client", codes: [650053] },
    confidence: "B",
    source: "github.com/MicrosoftDocs/azure-docs/issues/37280",
  },
  {
    name: "/.default stands beside another scope of the same resource",
    form: { ...obo, scope: "{scope_resource}/.default {scope}" },
    expected: { status: 400, error: "invalid_scope", codes: [70011] },
    confidence: "A",
    source: codesPage,
  },
  {
    name: "the resource parameter names something else than the scopes",
    form: { ...obo, resource: "https://mcp.example.com/mcp" },
    expected: { status: 400, error: "invalid_target", codes: [9010010] },
    notMsal: "MSAL sends no resource",
    confidence: "B",
    source: "github.com/anthropics/claude-code/issues/52871",
  },
  {
    name: "client credentials ask for a delegated scope",
    form: { ...appOnly, scope: "{scope}" },
    expected: { status: 400, error: "invalid_scope", codes: [1002012] },
    confidence: "B",
    source: codesPage,
  },
  {
    name: "client credentials ask for two resources",
    form: { ...appOnly, scope: "{scope_resource}/.default https://graph.microsoft.com/.default" },
    expected: { status: 400, error: "invalid_scope", codes: [70011] },
    confidence: "B",
    source: "github.com/Azure/azure-sdk-for-net/issues/9076",
  },
];

const clients: readonly RefusalRow[] = [
  {
    name: "the client id is missing",
    form: without(obo, "client_id"),
    expected: { status: 400, error: "invalid_request", codes: [900144] },
    notMsal: "MSAL always sends it",
    confidence: "B",
    source: codesPage,
  },
  {
    name: "the client is unknown",
    form: { ...obo, client_id: "00000000-1111-4222-8333-444444444444" },
    expected: { status: 400, error: "unauthorized_client", codes: [700016] },
    confidence: "B",
    source: "github.com/microsoft/Agent365-devTools/pull/409",
  },
  {
    name: "the client belongs to another tenant",
    form: { ...obo, client_id: "{client_id_foreign}" },
    expected: { status: 400, error: "unauthorized_client", codes: [700016] },
    confidence: "B",
    source: "github.com/microsoft/Agent365-devTools/pull/409",
  },
  {
    name: "the client is disabled",
    form: { ...obo, client_id: "{client_id_disabled}" },
    expected: { status: 400, error: "unauthorized_client", codes: [7000112] },
    confidence: "A",
    source: codesPage,
  },
  {
    name: "the secret is wrong",
    form: { ...obo, client_secret: "wrong" },
    expected: { status: 401, error: "invalid_client", codes: [7000215] },
    confidence: "B",
    source: codesPage,
  },
  {
    name: "the secret is wrong, as HTTP Basic",
    form: without(without(obo, "client_secret"), "client_id"),
    headers: { authorization: "Basic {client_id}:wrong" },
    expected: { status: 401, error: "invalid_client", codes: [7000215] },
    notMsal: "MSAL sends secrets in the form",
    confidence: "B",
    source: codesPage,
  },
  {
    name: "the secret has expired",
    form: { ...obo, client_secret: "{client_secret_expired}" },
    expected: { status: 401, error: "invalid_client", codes: [7000222] },
    confidence: "B",
    source: codesPage,
  },
  {
    name: "the credential is missing",
    form: without(obo, "client_secret"),
    expected: { status: 401, error: "invalid_client", codes: [7000218] },
    notMsal: "MSAL demands a credential",
    confidence: "B",
    source: codesPage,
  },
  {
    name: "the client assertion is no token",
    form: { ...signed("client_id_certificate", "scope"), client_assertion: "not-a-token" },
    expected: { status: 400, error: "invalid_request", codes: [50027] },
    confidence: "B",
    source: "github.com/FriedrichWeinmann/MiniGraph/issues/4",
  },
  {
    name: "the certificate is not registered",
    form: signed("client_id_certificate", "client_assertion_unknown_certificate"),
    expected: { status: 401, error: "invalid_client", codes: [700027] },
    confidence: "B",
    source: "github.com/Azure/azure-sdk-for-net/issues/27646",
  },
  {
    name: "the client assertion is signed by another key than its certificate's",
    form: signed("client_id_certificate", "client_assertion_wrong_signature"),
    expected: { status: 401, error: "invalid_client", codes: [700027] },
    confidence: "B",
    source: "github.com/Azure/azure-sdk-for-net/issues/27646",
  },
  {
    name: "the client assertion is for another audience",
    form: signed("client_id_certificate", "client_assertion_wrong_audience"),
    expected: { status: 401, error: "invalid_client", codes: [700023] },
    confidence: "A",
    source: codesPage,
  },
  {
    name: "the client assertion has expired",
    form: signed("client_id_certificate", "client_assertion_expired"),
    expected: { status: 401, error: "invalid_client", codes: [700024] },
    confidence: "B",
    source: "github.com/Azure/login/issues/180",
  },
  {
    name: "the client assertion is another client's",
    form: signed("client_id_certificate", "client_assertion_other_client"),
    expected: { status: 401, error: "invalid_client", codes: [700021] },
    confidence: "A",
    source: codesPage,
  },
  {
    name: "the certificate has expired",
    form: signed("client_id_certificate", "client_assertion_certificate_expired"),
    expected: { status: 401, error: "invalid_client", codes: [1000502] },
    confidence: "A",
    source: "github.com/AzureAD/microsoft-identity-web, Constants.cs",
  },
  {
    name: "no federated credential has the assertion's issuer",
    form: signed("client_id_federated", "federated_wrong_issuer"),
    expected: { status: 401, error: "invalid_client", codes: [700211] },
    confidence: "B",
    source: ficPage,
  },
  {
    name: "no federated credential has the assertion's subject",
    form: signed("client_id_federated", "federated_wrong_subject"),
    expected: { status: 401, error: "invalid_client", codes: [700213] },
    confidence: "B",
    source: ficPage,
  },
  {
    name: "a federated credential has the assertion's subject in other case",
    form: signed("client_id_federated", "federated_wrong_case"),
    expected: { status: 401, error: "invalid_client", codes: [7002138] },
    confidence: "B",
    source: ficPage,
  },
  {
    name: "no federated credential has the assertion's audience",
    form: signed("client_id_federated", "federated_wrong_audience"),
    expected: { status: 401, error: "invalid_client", codes: [700212] },
    confidence: "B",
    source: ficPage,
  },
  {
    name: "a user's token is used as federated credential",
    form: signed("client_id_federated", "federated_user_token"),
    expected: { status: 401, error: "invalid_client", codes: [700229] },
    confidence: "A",
    source: codesPage,
  },
];

const grants: readonly RefusalRow[] = [
  {
    name: "the grant type is missing",
    form: without(obo, "grant_type"),
    expected: { status: 400, error: "invalid_request", codes: [900144] },
    notMsal: "MSAL always sends it",
    confidence: "B",
    source: codesPage,
  },
  {
    name: "token exchange (RFC 8693) is not supported",
    form: {
      ...secret,
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: "{user_token}",
      subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
      scope: "{scope}",
    },
    expected: { status: 400, error: "unsupported_grant_type", codes: [70003] },
    notMsal: "MSAL does not know the grant",
    confidence: "B",
    source: "tyk.io, Microsoft Entra on-behalf-of token exchange",
  },
  {
    name: "the tenant is unknown",
    tenant: "00000000-1111-4222-8333-444444444444",
    form: obo,
    expected: { status: 400, error: "invalid_request", codes: [90002] },
    notMsal: "MSAL fails at discovery, before the token endpoint",
    confidence: "A",
    source: codesPage,
  },
  {
    name: "a single-tenant app is used on /common",
    tenant: "common",
    form: { ...refresh, client_id: "{client_id_other}", client_secret: "{client_secret_other}" },
    expected: { status: 400, error: "invalid_request", codes: [50194] },
    confidence: "A",
    source: codesPage,
  },
  {
    name: "client credentials on /common name no tenant",
    tenant: "common",
    form: appOnly,
    expected: { status: 400, error: "invalid_request", codes: [50059] },
    notMsal: "MSAL refuses common for this grant",
    confidence: "A",
    source: codesPage,
  },
  {
    name: "the code is unknown",
    form: { ...code, code: "1.unknown" },
    expected: { status: 400, error: "invalid_grant", codes: [9002313] },
    confidence: "B",
    source: "github.com/MicrosoftDocs/azure-docs/issues/63819",
  },
  {
    name: "the code was redeemed before",
    form: code,
    twice: true,
    expected: { status: 400, error: "invalid_grant", codes: [54005] },
    confidence: "A",
    source: codesPage,
  },
  {
    name: "the code has expired",
    form: { ...code, code: "{code_expired}" },
    expected: { status: 400, error: "invalid_grant", codes: [70008] },
    confidence: "B",
    source: codesPage,
  },
  {
    name: "the code verifier does not fit the challenge",
    form: { ...code, code_verifier: "another-verifier-that-is-as-long-as-they-have-to-be" },
    expected: { status: 400, error: "invalid_grant", codes: [501481] },
    confidence: "A",
    source: codesPage,
  },
  {
    name: "the code verifier is missing",
    form: without(code, "code_verifier"),
    expected: { status: 400, error: "invalid_grant", codes: [501481] },
    confidence: "C",
    source: codesPage,
  },
  {
    name: "the code is another client's",
    form: { ...code, client_id: "{client_id_other}", client_secret: "{client_secret_other}" },
    expected: { status: 400, error: "invalid_grant", codes: [70000] },
    confidence: "C",
    source: codesPage,
  },
  {
    name: "the code was asked for with another redirect URI",
    form: { ...code, redirect_uri: "{redirect_uri_other}" },
    expected: { status: 400, error: "invalid_client", codes: [500112] },
    confidence: "D",
    source: codesPage,
  },
  {
    name: "the code is of another tenant",
    tenant: "{tenant_foreign}",
    form: code,
    expected: { status: 400, error: "invalid_grant", codes: [700005] },
    confidence: "A",
    source: codesPage,
  },
  {
    name: "a web app's code comes from a browser",
    form: code,
    headers: { origin: "https://app.example.com" },
    expected: { status: 400, error: "invalid_request", codes: [9002326] },
    notMsal: "msal-node sends no Origin",
    confidence: "A",
    source: codesPage,
  },
  {
    name: "a single-page app's code comes from a server",
    form: { ...code, code: "{code_spa}", redirect_uri: "{redirect_uri_spa}" },
    expected: { status: 400, error: "invalid_request", codes: [9002327] },
    confidence: "A",
    source: codesPage,
  },
  {
    name: "the refresh token is unknown",
    form: { ...refresh, refresh_token: "1.unknown" },
    expected: { status: 400, error: "invalid_grant", codes: [9002313] },
    confidence: "B",
    source: "github.com/MicrosoftDocs/azure-docs/issues/63819",
  },
  {
    name: "the refresh token is another client's",
    form: { ...refresh, client_id: "{client_id_other}", client_secret: "{client_secret_other}" },
    expected: { status: 400, error: "invalid_grant", codes: [70000] },
    confidence: "B",
    source: codesPage,
  },
  {
    name: "the refresh token was revoked",
    form: { ...refresh, refresh_token: "{refresh_token_revoked}" },
    expected: { status: 400, error: "invalid_grant", codes: [50173], suberror: "bad_token" },
    confidence: "B",
    source: codesPage,
  },
  {
    name: "the refresh token is too old for the sign-in frequency",
    form: { ...refresh, refresh_token: "{refresh_token_too_old}" },
    expected: { status: 400, error: "invalid_grant", codes: [70043], suberror: "token_expired" },
    confidence: "B",
    source: codesPage,
  },
  {
    name: "the refresh token was not used for 90 days",
    form: { ...refresh, refresh_token: "{refresh_token_inactive}" },
    expected: { status: 400, error: "invalid_grant", codes: [700082] },
    confidence: "B",
    source: "github.com/microsoft/blobfile/issues/93",
  },
  {
    name: "a second factor is needed to refresh",
    form: { ...refresh, refresh_token: "{refresh_token_mfa}" },
    expected: {
      status: 400,
      error: "invalid_grant",
      codes: [50076],
      suberror: "basic_action",
      claims: "polids",
    },
    confidence: "B",
    source: "github.com/AzureAD/microsoft-authentication-library-for-js/issues/5491",
  },
];

const agentPage = "learn.microsoft.com/entra/agent-id/agent-on-behalf-of-oauth-flow";
const asBlueprint = {
  grant_type: "client_credentials",
  client_id: "{client_id_blueprint}",
  client_secret: "{client_secret_blueprint}",
  scope: "api://AzureADTokenExchange/.default",
  fmi_path: "{agent_identity}",
};
const asAgent = {
  grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
  requested_token_use: "on_behalf_of",
  client_id: "{agent_identity}",
  client_assertion_type: assertionType,
  client_assertion: "{exchange_token}",
  assertion: "{user_token_blueprint}",
  scope: "{scope}",
};

const agentIdentities: readonly RefusalRow[] = [
  {
    name: "an app that is no blueprint names an agent identity",
    form: { ...asBlueprint, ...secret },
    expected: { status: 400, error: "invalid_request", codes: [90023] },
    confidence: "D",
    source: agentPage,
  },
  {
    name: "a blueprint names another blueprint's agent identity",
    form: { ...asBlueprint, fmi_path: "{agent_identity_foreign}" },
    expected: { status: 400, error: "invalid_request", codes: [90023] },
    confidence: "D",
    source: agentPage,
  },
  {
    name: "a blueprint asks for an app's own token",
    form: { ...without(asBlueprint, "fmi_path"), scope: "{scope_resource}/.default" },
    expected: { status: 400, error: "unauthorized_client", codes: [82001] },
    confidence: "B",
    source: "server answers quoted in public Agent 365 samples",
  },
  {
    name: "a blueprint asks on behalf of a user itself",
    form: {
      ...obo,
      client_id: "{client_id_blueprint}",
      client_secret: "{client_secret_blueprint}",
      assertion: "{user_token_blueprint}",
    },
    expected: { status: 400, error: "unauthorized_client", codes: [82002] },
    confidence: "C",
    source: "reports of jwt-bearer requests of blueprints",
  },
  {
    name: "an agent identity presents an exchange token for nobody",
    form: { ...asAgent, client_assertion: "{exchange_token_unnamed}" },
    expected: { status: 401, error: "invalid_client", codes: [700213] },
    confidence: "C",
    source: agentPage,
  },
  {
    name: "an agent identity presents an exchange token of another tenant",
    form: { ...asAgent, client_assertion: "{exchange_token_foreign_tenant}" },
    expected: { status: 401, error: "invalid_client", codes: [700211] },
    confidence: "B",
    source: "troubleshooting tables of public Agent ID guides",
  },
  {
    name: "an agent identity's assertion is not for its blueprint",
    form: { ...asAgent, assertion: "{user_token}" },
    expected: { status: 400, error: "invalid_grant", codes: [50013] },
    confidence: "A",
    source: agentPage,
  },
  {
    name: "an agent identity's assertion is an app's own token",
    form: { ...asAgent, assertion: "{app_token_blueprint}" },
    expected: { status: 400, error: "unauthorized_client", codes: [7000114] },
    confidence: "B",
    source: "github.com/microsoft/mcp/issues/2192",
  },
  {
    name: "nobody consented for the agent identity",
    form: {
      ...asAgent,
      client_id: "{agent_identity_unconsented}",
      client_assertion: "{exchange_token_unconsented}",
    },
    expected: { status: 400, error: "invalid_grant", codes: [65001], suberror: "consent_required" },
    confidence: "B",
    source: agentPage,
  },
];

const federation: readonly RefusalRow[] = [
  {
    name: "the app has no federated credential",
    form: signed("client_id", "federated_wrong_subject"),
    expected: { status: 401, error: "invalid_client", codes: [70025] },
    confidence: "B",
    source: "error text of azure/login runs quoted in public issues",
  },
  {
    name: "the federated token comes from a federated credential itself",
    form: signed("client_id_federated", "federated_chained"),
    expected: { status: 401, error: "invalid_client", codes: [700231] },
    confidence: "B",
    source: "quoted in public by several who tried",
  },
  {
    name: "the managed identity is of another tenant than the app",
    form: signed("client_id_federated_abroad", "federated_other_tenant"),
    expected: { status: 401, error: "invalid_client", codes: [700236] },
    confidence: "B",
    source: "learn.microsoft.com/answers/questions/2139753",
  },
];

export const refusalRows: readonly RefusalRow[] = [
  ...onBehalfOf,
  ...scopesAndResources,
  ...clients,
  ...grants,
  ...agentIdentities,
  ...federation,
];
