import { randomBytes } from "node:crypto";
import { claimsChallenge, parseClaims, type ClaimsRequest } from "./claims-request.js";
import { blueprintOf, inherited } from "./agent-identities.js";
import type { Account, EntraApp, EntraTenant } from "./directory-objects.js";
import type { EntraGrant } from "./policy-types.js";
import { Refused, refused } from "./refused.js";
import {
  checkResourceParameter,
  oneResource,
  parseScopes,
  requiredScopes,
  type RequestedResource,
} from "./scopes.js";
import { remember, type EntraState, type SignIn } from "./state.js";
import type { TokenCall, TokenResponse } from "./token-call.js";
import { accessToken, clientInfo, idToken, scopeField } from "./tokens.js";

/** What a grant established: who it is for, and from which sign-in. */
export interface PersonGrant {
  readonly grant: EntraGrant;
  readonly tenant: EntraTenant;
  readonly account: Account;
  readonly signIn: SignIn;
  /** The `scope` to answer. */
  readonly scope: string;
  readonly nonce?: string | undefined;
  readonly redirectType?: "web" | "spa" | "native";
  readonly firstIssuedAt?: number;
}

/** The common end of every grant for a person: resource, policies, consent, tokens. */
export async function issueForPerson(call: TokenCall, grant: PersonGrant): Promise<TokenResponse> {
  const { state, client, params, entry } = call;
  const { tenant, account, signIn } = grant;
  entry.user = account.user.name;
  entry.oid = account.oid;
  const scopes = parseScopes(state, tenant, client, grant.scope);
  const resource = oneResource(state, scopes);
  entry.resource = resource.app.name;
  checkResourceParameter(state, tenant, params.get("resource"), resource);
  const claims = parseClaims(params.get("claims"));

  checkUser(state, call, grant);
  checkAssignment(resource, account);
  const names = consentedScopes(call, grant, resource);
  checkPolicies(call, grant, resource, claims);

  const lifetimeS = state.options.accessTokenLifetimeS;
  const satisfiedContexts = signIn.satisfied.filter((value) => /^c\d+$/.test(value));
  return {
    token_type: "Bearer",
    scope: scopeField(resource.uri, resource.app, names, resource.isDefault),
    expires_in: lifetimeS,
    ext_expires_in: lifetimeS,
    refresh_in: state.options.refreshInS,
    access_token: await accessToken(state, {
      tenantId: tenant.id,
      client,
      resource: resource.app,
      resourceUri: resource.uri,
      proof: call.proof,
      person: { account, signIn, scopes: names },
      capabilities: claims.capabilities,
      authContexts: satisfiedContexts.filter((value) => claims.authContexts.includes(value)),
      lifetimeS,
    }),
    ...(scopes.oidc.has("offline_access") ? { refresh_token: refreshToken(call, grant) } : {}),
    ...(scopes.oidc.has("openid") && hasIdTokens(state, client)
      ? { id_token: await idToken(state, { account, client, signIn, oidc: scopes.oidc, nonce: grant.nonce }) }
      : {}),
    ...(params.get("client_info") === "1" ? { client_info: clientInfo(account) } : {}),
  };
}

function checkUser(state: EntraState, call: TokenCall, { account, signIn, grant }: PersonGrant): void {
  const subject = { endpoint: "token", client: call.client, account, grant } as const;
  if (state.policies.take(["disabled"], subject) !== undefined) throw refused("user_disabled");
  const revocation = state.revocations.get(account.user.oid);
  const revokedByPolicy = state.policies.take(["revoked"], subject) !== undefined;
  if (revokedByPolicy || (revocation?.epoch ?? 0) > signIn.epoch) {
    const from = new Date(revocation?.at ?? state.now()).toISOString();
    throw refused("grant_revoked", { issued: new Date(signIn.at).toISOString(), from });
  }
}

function checkAssignment({ app }: RequestedResource, { user }: Account): void {
  const { assignmentRequired, assignedUsers = [] } = app.options;
  if (!assignmentRequired || assignedUsers.includes(user.name) || assignedUsers.includes(user.upn)) return;
  throw refused("user_not_assigned", { resource: app.name, resourceId: app.clientId, upn: user.upn });
}

/** Entra puts everything consented to on this resource into the token, not only what was asked for now. */
function consentedScopes(
  call: TokenCall,
  grant: PersonGrant,
  resource: RequestedResource,
): readonly string[] {
  const { state, client } = call;
  const { tenant, account } = grant;
  // OIDC scopes need no consent here, nor does an app that asks for a token for itself.
  const implied = resource.names.filter((name) =>
    ["openid", "profile", "email", "offline_access"].includes(name),
  );
  const grantedTo = (app: EntraApp): ReadonlySet<string> =>
    state.consents.granted({ tenantId: tenant.id, oid: account.oid, client: app, resource: resource.app });
  const granted = new Set([
    ...grantedTo(client),
    ...inherited(state, client, resource.app, grantedTo),
    ...implied,
  ]);
  const wanted = resource.isDefault ? requiredScopes(state, client, resource.app) : resource.names;
  const missing =
    wanted.some((name) => !granted.has(name)) || (granted.size === 0 && resource.app !== client);
  if (missing) throw refused("consent_required", { clientId: client.clientId, client: client.name });
  return [...granted].sort();
}

function checkPolicies(
  call: TokenCall,
  { account, signIn, grant }: PersonGrant,
  { app }: RequestedResource,
  { authContexts, policyIds }: ClaimsRequest,
): void {
  const { state, client } = call;
  const subject = {
    endpoint: "token",
    client,
    account,
    grant,
    resource: app,
    satisfied: signIn.satisfied,
  } as const;
  const policy = state.policies.take(
    ["mfa", "auth_context", "blocked", "sign_in_frequency", "refuse"],
    subject,
  );
  const mfa = grant === "refresh_token" ? "mfa_required_refresh" : "mfa_required";
  const asked = authContexts.find((value) => !signIn.satisfied.includes(value));
  if (asked !== undefined) {
    throw refused(mfa, { resourceId: app.clientId }, claimsChallenge("acrs", asked));
  }
  // A challenge of another resource, which a caller passes on: identity-platform/v2-conditional-access-dev-guide.
  const named = state.policies.list().find(({ id }) => policyIds.includes(id));
  if (named !== undefined && !signIn.satisfied.includes(named.id)) {
    throw refused(mfa, { resourceId: app.clientId }, claimsChallenge("polids", named.id));
  }
  switch (policy?.type) {
    case "mfa":
      throw refused(mfa, { resourceId: app.clientId }, claimsChallenge("polids", policy.id));
    case "auth_context":
      throw refused(mfa, { resourceId: app.clientId }, claimsChallenge("acrs", policy.value));
    case "blocked":
      throw refused("blocked", {}, claimsChallenge("capolids", policy.id));
    case "sign_in_frequency":
      throw refused("sign_in_frequency", { issued: new Date(signIn.at).toISOString(), lifetime: "3600" });
    case "refuse":
      throw refusalOf(policy);
  }
}

/** The refusal a policy of type "refuse" describes. */
export function refusalOf(policy: {
  readonly codes: readonly number[];
  readonly error?: string;
  readonly suberror?: string;
  readonly claims?: string;
  readonly status?: number;
  readonly description?: string;
  readonly retryAfterS?: number;
}): Refused {
  const { codes, error = "invalid_grant", suberror, status, description } = policy;
  return new Refused(
    {
      codes,
      error,
      suberror,
      status: status ?? (error === "invalid_client" ? 401 : 400),
      text: description ?? "Refused by a policy of the emulator.",
      confidence: "D",
      source: "policy",
    },
    { claims: policy.claims, retryAfterS: policy.retryAfterS },
  );
}

/** Undocumented for agent identities, so a test may choose. */
function hasIdTokens(state: EntraState, client: EntraApp): boolean {
  const { agentIdentities = [] } = blueprintOf(state, client)?.options ?? {};
  return !agentIdentities.some(
    (one) => typeof one === "object" && one.name === client.name && one.idTokens === false,
  );
}

/** Refresh tokens are opaque, and bound to the user and the client, not to the resource. */
function refreshToken({ state, client }: TokenCall, grant: PersonGrant): string {
  const token = state.issued.note("refresh_token", `1.${randomBytes(96).toString("base64url")}`);
  const now = state.now();
  remember(state.refreshTokens, token, {
    client,
    account: grant.account,
    signIn: grant.signIn,
    scope: grant.scope,
    redirectType: grant.redirectType ?? "web",
    issuedAt: now,
    firstIssuedAt: grant.firstIssuedAt ?? now,
  });
  return token;
}
