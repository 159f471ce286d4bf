import type { EntraState } from "./state.js";

/**
 * The OpenID configuration, with what Entra's own says and leaves out (`code_challenge_methods_supported`
 * is missing there). `segment` is what the caller wrote for the tenant; issuers name the id.
 */
export function openIdConfiguration(
  state: EntraState,
  segment: string,
  tenantId: string | undefined,
  version: 1 | 2,
): object {
  const { origin } = state;
  const v = version === 2 ? "/v2.0" : "";
  const host = new URL(origin).host;
  const issuerTenant = tenantId ?? "{tenantid}";
  return {
    token_endpoint: `${origin}/${segment}/oauth2${v}/token`,
    token_endpoint_auth_methods_supported: [
      "client_secret_post",
      "private_key_jwt",
      "client_secret_basic",
      ...(version === 2 ? ["self_signed_tls_client_auth"] : []),
    ],
    jwks_uri: `${origin}/${segment}/discovery${v}/keys`,
    response_modes_supported: ["query", "fragment", "form_post"],
    subject_types_supported: ["pairwise"],
    id_token_signing_alg_values_supported: ["RS256"],
    response_types_supported: ["code"],
    scopes_supported: ["openid", "profile", "email", "offline_access"],
    issuer: version === 2 ? `${origin}/${issuerTenant}/v2.0` : `${origin}/${issuerTenant}/`,
    request_uri_parameter_supported: false,
    userinfo_endpoint: `${origin}/oidc/userinfo`,
    authorization_endpoint: `${origin}/${segment}/oauth2${v}/authorize`,
    http_logout_supported: true,
    frontchannel_logout_supported: true,
    end_session_endpoint: `${origin}/${segment}/oauth2${v}/logout`,
    claims_supported: [
      "sub",
      "iss",
      "aud",
      "exp",
      "iat",
      "nonce",
      "preferred_username",
      "name",
      "tid",
      "ver",
      "email",
    ],
    tenant_region_scope: "EU",
    cloud_instance_name: host,
    cloud_graph_host_name: "graph.windows.net",
    msgraph_host: "graph.microsoft.com",
  };
}

/** Instance discovery: which hosts are this cloud. MSAL asks it for authorities it does not know. */
export function instanceDiscovery(state: EntraState, authorizationEndpoint: string | null): object {
  const host = new URL(state.origin).host;
  const segment = /^https?:\/\/[^/]+\/([^/]+)\//.exec(authorizationEndpoint ?? "")?.[1] ?? "common";
  return {
    tenant_discovery_endpoint: `${state.origin}/${segment}/v2.0/.well-known/openid-configuration`,
    "api-version": "1.1",
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  };
}
