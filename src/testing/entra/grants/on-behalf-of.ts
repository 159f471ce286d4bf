import { compactVerify, decodeJwt, decodeProtectedHeader, errors, type JWTPayload } from "jose";
import type { Account, EntraTenant } from "../directory-objects.js";
import { blueprintOf } from "../agent-identities.js";
import { issueForPerson } from "../issue.js";
import { refused } from "../refused.js";
import { subjectIn } from "../subject.js";
import { freshSignIn, type EntraState } from "../state.js";
import { required, type TokenCall, type TokenResponse } from "../token-call.js";
import { issuer, signInOf } from "../tokens.js";

/** The on-behalf-of grant. Source: identity-platform/v2-oauth2-on-behalf-of-flow. */
export async function onBehalfOf(call: TokenCall): Promise<TokenResponse> {
  const { params, state } = call;
  const assertion = required(params, "assertion");
  if (required(params, "requested_token_use") !== "on_behalf_of") throw refused("malformed");
  const scope = required(params, "scope");
  if (call.client.isBlueprint) throw refused("blueprint_on_behalf_of", { clientId: call.client.clientId });
  const claims = await verifiedAssertion(state, assertion);
  call.entry.assertionAudience = [claims.aud ?? []].flat().join(" ");
  const tenant = tenantOf(call, claims);
  checkKind(call, claims);
  checkAudience(call, claims);
  checkTime(state, claims);
  const account = accountOf(call, claims, tenant);
  const signIn = signInOf(claims) ?? freshSignIn(state, account, [], "");
  return issueForPerson(call, { grant: "on_behalf_of", tenant, account, signIn, scope });
}

async function verifiedAssertion(state: EntraState, assertion: string): Promise<JWTPayload> {
  let thumbprint = "";
  try {
    const claims = decodeJwt(assertion);
    thumbprint = String(decodeProtectedHeader(assertion).kid ?? "");
    const key = state.keys.find(thumbprint);
    if (key === undefined) throw refused("assertion_key_unknown", { thumbprint });
    await compactVerify(assertion, key.publicKey, { algorithms: ["RS256"] });
    return claims;
  } catch (error) {
    if (error instanceof errors.JWTInvalid) throw refused("assertion_malformed");
    if (error instanceof errors.JOSEError) throw refused("assertion_signature", { thumbprint });
    if (error instanceof TypeError) throw refused("assertion_malformed");
    throw error;
  }
}

/** The tenant of the URL must be the assertion's; `common` stands for the user's home tenant (a frequent bug). */
function tenantOf({ state, tenant }: TokenCall, claims: JWTPayload): EntraTenant {
  const named = state.directory.tenant(String(claims["tid"]));
  const iss = String(claims.iss);
  const ours = named !== undefined && [issuer(state, named.id, 1), issuer(state, named.id, 2)].includes(iss);
  if (!ours || (tenant !== undefined && tenant !== named)) throw refused("assertion_issuer", { issuer: iss });
  if (tenant !== undefined) return tenant;
  const user = state.directory.accountByOid(String(claims["oid"]), named.id)?.user;
  return state.directory.tenant(user?.tenantId ?? "") ?? named;
}

function checkKind({ client }: TokenCall, claims: JWTPayload): void {
  if (signInOf(claims)?.kind === "i") throw refused("assertion_is_id_token");
  if (subjectIn(claims) !== "person") throw refused("assertion_app_only", { clientId: client.clientId });
}

function checkAudience({ state, client }: TokenCall, claims: JWTPayload): void {
  // An agent identity is asked through its blueprint: agent-id/agent-on-behalf-of-oauth-flow.
  const blueprint = blueprintOf(state, client);
  const { clientId, identifierUris, name } = blueprint ?? client;
  const ours = [clientId, ...identifierUris].map((one) => one.toLowerCase());
  const audience = [claims.aud ?? []].flat().join(" ");
  if (ours.includes(audience.toLowerCase())) return;
  const refusal = blueprint === undefined ? "assertion_audience" : "agent_assertion_audience";
  throw refused(refusal, { audience, clientId, client: name });
}

function checkTime(state: EntraState, { nbf = 0, exp = 0 }: JWTPayload): void {
  const now = state.now();
  if (now < exp * 1000 && now >= nbf * 1000) return;
  throw refused("assertion_time", {
    now: new Date(now).toISOString(),
    until: new Date(exp * 1000).toISOString(),
  });
}

function accountOf({ state, client }: TokenCall, claims: JWTPayload, tenant: EntraTenant): Account {
  const oid = String(claims["oid"]);
  const account = state.directory.accountByOid(oid, tenant.id);
  if (account !== undefined) return account;
  const elsewhere = state.directory.accountByOid(oid, String(claims["tid"]));
  if (elsewhere === undefined) throw refused("user_unknown", { tenant: tenant.name });
  const inHome = state.directory.account(elsewhere.user, tenant.id);
  if (inHome !== undefined) return inHome;
  throw refused("user_of_other_tenant", {
    upn: elsewhere.user.upn,
    issuer: String(claims.iss),
    tenant: tenant.name,
    clientId: client.clientId,
    client: client.name,
  });
}
