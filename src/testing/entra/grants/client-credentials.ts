import { exchangeSubject } from "../agent-identities.js";
import { refused } from "../refused.js";
import { refusalOf } from "../issue.js";
import { checkResourceParameter, grantedRoles, oneResource, parseScopes } from "../scopes.js";
import { required, type TokenCall, type TokenResponse } from "../token-call.js";
import { accessToken } from "../tokens.js";

/** The client-credentials grant. Source: identity-platform/v2-oauth2-client-creds-grant-flow. */
export async function clientCredentials(call: TokenCall): Promise<TokenResponse> {
  const { state, tenant, client, params, proof, entry } = call;
  if (tenant === undefined) throw refused("tenant_needed");
  if (proof === "none") throw refused("credential_missing");
  const scope = required(params, "scope");
  const parts = scope.split(" ").filter((part) => part !== "");
  if (parts.length > 1) throw refused("scope_invalid", { scope });
  if (!scope.endsWith("/.default")) throw refused("scope_not_default", { scope });
  const resource = oneResource(state, parseScopes(state, tenant, client, scope));
  entry.resource = resource.app.name;
  checkResourceParameter(state, tenant, params.get("resource"), resource);
  const subject = exchangeSubject(call, resource);
  const policy = state.policies.take(["refuse"], {
    endpoint: "token",
    client,
    resource: resource.app,
    grant: "client_credentials",
  });
  if (policy?.type === "refuse") throw refusalOf(policy);
  const lifetimeS = state.options.accessTokenLifetimeS;
  return {
    token_type: "Bearer",
    expires_in: lifetimeS,
    ext_expires_in: lifetimeS,
    refresh_in: state.options.refreshInS,
    access_token: await accessToken(state, {
      tenantId: tenant.id,
      client,
      resource: resource.app,
      resourceUri: resource.uri,
      proof,
      exchangeSubject: subject,
      roles: grantedRoles(state, client, resource.app),
      lifetimeS,
    }),
  };
}
