import { issueForPerson } from "../issue.js";
import { refused } from "../refused.js";
import { required, type TokenCall, type TokenResponse } from "../token-call.js";
import { checkOrigin } from "./authorization-code.js";

const dayMs = 24 * 3_600_000;

/**
 * Answers a refresh token with new tokens and a new refresh token. The old one keeps working, as with Entra;
 * it belongs to the user and the client, so another resource or tenant may be asked for.
 */
export async function refreshTokenGrant(call: TokenCall): Promise<TokenResponse> {
  const { state, params, client } = call;
  const grant = state.refreshTokens.get(required(params, "refresh_token"));
  if (grant === undefined) throw refused("grant_malformed");
  if (grant.client !== client) throw refused("grant_of_other_client");
  checkOrigin(call, grant.redirectType);
  const issued = new Date(grant.issuedAt).toISOString();
  if (grant.redirectType === "spa" && state.now() > grant.firstIssuedAt + dayMs) {
    throw refused("refresh_spa", { issued });
  }
  if (state.now() > grant.issuedAt + 90 * dayMs) throw refused("refresh_inactive", { issued });

  const tenant = call.tenant ?? state.directory.tenant(grant.account.tenantId);
  const account = tenant && state.directory.account(grant.account.user, tenant.id);
  if (tenant === undefined || account === undefined) {
    throw refused("user_of_other_tenant", {
      upn: grant.account.user.upn,
      tenant: tenant?.name ?? "",
      clientId: client.clientId,
      client: client.name,
    });
  }
  return issueForPerson(call, {
    grant: "refresh_token",
    tenant,
    account,
    signIn: grant.signIn,
    // A refresh token always brings the next one.
    scope: `${params.get("scope") ?? grant.scope} offline_access`,
    redirectType: grant.redirectType,
    firstIssuedAt: grant.firstIssuedAt,
  });
}
