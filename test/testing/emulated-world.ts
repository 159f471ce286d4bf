import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { SignJWT, type JWTPayload } from "jose";
import { generate } from "selfsigned";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import type { World } from "../live/fill.js";
import type { WorldValue } from "../live/refusals.js";
import { testTls } from "../support/test-tls.js";
import { signInAs } from "./visitor.js";

const redirectUri = "https://agent.example.com/callback";
const spaUri = "https://spa.example.com/";
const verifier = "a-verifier-of-at-least-forty-three-characters-as-the-rfc-asks";
const minute = 60_000;

export interface EmulatedWorld extends World {
  readonly entra: EntraEmulator;
  close(): Promise<void>;
}

/** An emulator in which every row of the refusal table can happen. */
export async function emulatedWorld(): Promise<EmulatedWorld> {
  let offset = 0;
  const now = (): number => Date.now() + offset;
  const [registered, unknown, expired] = await Promise.all([
    keyPair(),
    keyPair(),
    keyPair({ notBeforeDate: new Date("2020-01-01"), notAfterDate: new Date("2021-01-01") }),
  ]);
  const entra = await startEntra({
    tls: testTls(),
    now,
    tenants: [{ name: "Contoso" }, { name: "Fabrikam" }],
    apps: [
      {
        name: "agent",
        scopes: ["access_as_user"],
        secrets: ["agent-secret", { value: "old-secret", expiresAt: Date.now() - 86_400_000 }],
        redirectUris: [redirectUri, `${redirectUri}/other`, { uri: spaUri, type: "spa" }],
        installedIn: ["Fabrikam"],
        requiredAccess: [{ resource: "mcp", scopes: ["mcp.read"] }],
      },
      { name: "other", scopes: ["other.read"], secrets: ["other-secret"] },
      { name: "signing", certificates: [registered.cert, expired.cert] },
      {
        name: "federated",
        federatedCredentials: [{ managedIdentity: "identity" }, { managedIdentity: "chained" }],
      },
      { name: "federated abroad", federatedCredentials: [{ managedIdentity: "abroad" }] },
      {
        name: "blueprint",
        scopes: ["access_agent"],
        secrets: ["blueprint-secret"],
        installedIn: ["Fabrikam"],
        agentIdentities: ["clerk", "newcomer"],
      },
      { name: "other blueprint", agentIdentities: ["stranger"] },
      { name: "disabled", secrets: ["agent-secret"], disabled: true },
      { name: "foreign", tenant: "Fabrikam", secrets: ["agent-secret"] },
      { name: "mcp", scopes: ["mcp.read", "mcp.write"] },
      { name: "assigned", scopes: ["read"], assignmentRequired: true, assignedUsers: [] },
    ],
    users: "Ada Bob Mia Ben Dis Rev Una Non Thr Tra Rita Sif Rena".split(" ").map((name) => ({ name })),
    managedIdentities: [
      { name: "identity" },
      { name: "another" },
      { name: "shouting" },
      { name: "chained", federated: true },
      { name: "abroad", tenant: "Fabrikam" },
    ],
    policies: [
      { type: "mfa", user: "Mia", resource: "mcp" },
      { type: "mfa", user: "Rita", grant: "refresh_token" },
      { type: "blocked", user: "Ben" },
      { type: "disabled", user: "Dis" },
      { type: "sign_in_frequency", user: "Sif", grant: "refresh_token" },
      { type: "throttled", user: "Thr", retryAfterS: 7 },
      { type: "transient", user: "Tra" },
      {
        type: "refuse",
        user: "Non",
        codes: [53000],
        error: "interaction_required",
        suberror: "additional_action",
        claims: '{"access_token":{"capolids":{"essential":true,"values":["p1"]}}}',
      },
    ],
  });
  const agent = entra.app("agent");
  const [mcp, other, assigned] = [entra.app("mcp"), entra.app("other"), entra.app("assigned")];
  const home = entra.tenants[0]?.id ?? "";
  const shouting = entra.managedIdentity.identities[2];
  entra.addFederatedCredential("federated", {
    issuer: `${entra.origin}/${home}/v2.0`,
    subject: shouting?.objectId.toUpperCase() ?? "",
  });
  for (const resource of ["mcp", "other", "assigned"]) {
    const scopes = resource === "mcp" ? ["mcp.read"] : entra.app(resource).scopes.map(({ name }) => name);
    entra.grantConsent({ allUsers: true, client: "agent", resource, scopes });
  }

  entra.grantConsent({ allUsers: true, client: "clerk", resource: "mcp", scopes: ["mcp.read"] });

  const mcpScope = `${mcp.identifierUris[0]}/mcp.read`;
  const token = (user: string): Promise<string> => entra.issueUserToken({ user, app: "agent" });
  const redeemable = (user = "Ada", uri = redirectUri): Promise<string> =>
    code(entra, { user, redirectUri: uri, scope: `${mcpScope} openid offline_access` });
  const refreshToken = async (user: string): Promise<string> => {
    const body = await redeem(entra, await redeemable(user), `${mcpScope} offline_access`);
    return String(body["refresh_token"]);
  };
  const before = async <T>(ms: number, make: () => Promise<T>): Promise<T> => {
    offset = -ms;
    try {
      return await make();
    } finally {
      offset = 0;
    }
  };
  const assertion = (claims: JWTPayload = {}, by = registered, named = by): Promise<string> =>
    signedBy(by, named, {
      iss: entra.app("signing").clientId,
      sub: entra.app("signing").clientId,
      aud: `${entra.origin}/${home}/oauth2/v2.0/token`,
      jti: crypto.randomUUID(),
      nbf: Math.floor(now() / 1000),
      exp: Math.floor(now() / 1000) + 600,
      ...claims,
    });
  const identityToken = (index: number, resource = "api://AzureADTokenExchange"): Promise<string> =>
    managedIdentityToken(entra, entra.managedIdentity.identities[index]?.clientId ?? "", resource);

  const values: Record<WorldValue, string | (() => string | Promise<string>)> = {
    tenant: home,
    tenant_foreign: entra.tenants[1]?.id ?? "",
    client_id: agent.clientId,
    client_secret: "agent-secret",
    client_secret_expired: "old-secret",
    client_id_other: other.clientId,
    client_secret_other: "other-secret",
    client_id_disabled: entra.app("disabled").clientId,
    client_id_foreign: entra.app("foreign").clientId,
    client_id_certificate: entra.app("signing").clientId,
    client_id_federated: entra.app("federated").clientId,
    client_assertion_unknown_certificate: () => assertion({}, unknown),
    client_assertion_wrong_signature: () => assertion({}, unknown, registered),
    client_assertion_wrong_audience: () => assertion({ aud: "https://login.example.com/token" }),
    client_assertion_expired: () => assertion({ exp: Math.floor(now() / 1000) - 3600 }),
    client_assertion_other_client: () => assertion({ iss: other.clientId, sub: other.clientId }),
    client_assertion_certificate_expired: () => assertion({}, expired),
    federated_wrong_issuer: () =>
      entra.issueAppToken({ app: "AAD Token Exchange Endpoint", client: "foreign", tenant: "Fabrikam" }),
    federated_wrong_subject: () => identityToken(1),
    federated_wrong_case: () => identityToken(2),
    federated_wrong_audience: () => identityToken(0, mcp.identifierUris[0]),
    federated_user_token: () =>
      entra.issueUserToken({
        user: "Ada",
        app: "AAD Token Exchange Endpoint",
        scopes: ["x"],
        claims: { sub: entra.managedIdentity.identities[0]?.objectId },
      }),
    federated_chained: () => identityToken(3),
    client_id_federated_abroad: entra.app("federated abroad").clientId,
    federated_other_tenant: () => identityToken(4),
    client_id_blueprint: entra.app("blueprint").clientId,
    client_secret_blueprint: "blueprint-secret",
    agent_identity: entra.app("clerk").clientId,
    agent_identity_foreign: entra.app("stranger").clientId,
    agent_identity_unconsented: entra.app("newcomer").clientId,
    exchange_token: () => exchangeToken(entra, home, "clerk"),
    exchange_token_foreign_tenant: () => exchangeToken(entra, entra.tenants[1]?.id ?? "", "clerk"),
    exchange_token_unconsented: () => exchangeToken(entra, home, "newcomer"),
    exchange_token_unnamed: () => exchangeToken(entra, home),
    user_token_blueprint: () => entra.issueUserToken({ user: "Ada", app: "blueprint", client: "other" }),
    app_token_blueprint: () => entra.issueAppToken({ app: "blueprint", client: "other" }),
    scope: mcpScope,
    scope_resource: mcp.identifierUris[0] ?? "",
    scope_unconsented: `${mcp.identifierUris[0]}/mcp.write`,
    scope_second_resource: `${other.identifierUris[0]}/other.read`,
    scope_assigned_only: `${assigned.identifierUris[0]}/read`,
    user_token: () => token("Ada"),
    user_token_second: () => token("Bob"),
    user_token_other_audience: () => entra.issueUserToken({ user: "Ada", app: "other" }),
    user_token_expired: () => entra.issueUserToken({ user: "Ada", app: "agent", expiresInS: -60 }),
    user_token_unknown_key: () => entra.issueUserToken({ user: "Ada", app: "agent", key: "unknown" }),
    user_token_wrong_signature: async () => tampered(await token("Ada")),
    app_token: () => entra.issueAppToken({ app: "agent", client: "other" }),
    id_token: async () => String((await redeem(entra, await redeemable(), `${mcpScope} openid`))["id_token"]),
    user_token_mfa: () => token("Mia"),
    user_token_blocked: () => token("Ben"),
    user_token_disabled: () => token("Dis"),
    user_token_revoked: async () => {
      const issued = await token("Rev");
      entra.revokeSessions("Rev");
      return issued;
    },
    user_token_unassigned: () => token("Una"),
    user_token_unknown_person: () =>
      entra.issueUserToken({ user: "Ada", app: "agent", claims: { oid: crypto.randomUUID() } }),
    user_token_noncompliant: () => token("Non"),
    user_token_throttled: () => token("Thr"),
    user_token_transient: () => token("Tra"),
    code: () => redeemable(),
    code_expired: () => before(11 * minute, redeemable),
    code_spa: () => redeemable("Ada", spaUri),
    code_verifier: verifier,
    redirect_uri: redirectUri,
    redirect_uri_other: `${redirectUri}/other`,
    redirect_uri_spa: spaUri,
    refresh_token: () => refreshToken("Ada"),
    refresh_token_revoked: async () => {
      const issued = await refreshToken("Rena");
      entra.revokeSessions("Rena");
      return issued;
    },
    refresh_token_too_old: () => refreshToken("Sif"),
    refresh_token_inactive: () => before(91 * 24 * 60 * minute, () => refreshToken("Ada")),
    refresh_token_mfa: () => refreshToken("Rita"),
  };
  return {
    entra,
    origin: entra.origin,
    value: async (name) => {
      const value = values[name];
      return typeof value === "string" ? value : value();
    },
    close: () => entra.close(),
  };
}

/** The URL that sends a person to sign in for the agent. */
export function authorizeUrl(entra: EntraEmulator, params: Record<string, string>): string {
  const query = new URLSearchParams({
    client_id: entra.app("agent").clientId,
    response_type: "code",
    redirect_uri: redirectUri,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    ...params,
  });
  return `${entra.origin}/${entra.tenants[0]?.id}/oauth2/v2.0/authorize?${query}`;
}

async function code(
  entra: EntraEmulator,
  options: { user: string; redirectUri: string; scope: string },
): Promise<string> {
  const url = authorizeUrl(entra, { redirect_uri: options.redirectUri, scope: options.scope });
  const answer = await signInAs(entra.origin, url, entra.user(options.user).oid);
  return answer.get("code") ?? "";
}

async function redeem(entra: EntraEmulator, value: string, scope: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${entra.origin}/${entra.tenants[0]?.id}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      client_id: entra.app("agent").clientId,
      client_secret: "agent-secret",
      code: value,
      code_verifier: verifier,
      redirect_uri: redirectUri,
      scope,
    }),
  });
  const body = await response.json();
  if (!response.ok) throw new Error(`The code was refused: ${body.error_description}`);
  return body;
}

export async function managedIdentityToken(
  entra: EntraEmulator,
  clientId: string,
  resource: string,
): Promise<string> {
  const { IDENTITY_ENDPOINT, IDENTITY_HEADER } = entra.managedIdentity.env;
  const query = new URLSearchParams({ "api-version": "2019-08-01", resource, client_id: clientId });
  const response = await fetch(`${IDENTITY_ENDPOINT}?${query}`, {
    headers: { "x-identity-header": IDENTITY_HEADER },
  });
  return (await response.json()).access_token;
}

/** The blueprint's exchange token, for one of its agent identities or for none. */
async function exchangeToken(entra: EntraEmulator, tenant: string, agentIdentity?: string): Promise<string> {
  const response = await fetch(`${entra.origin}/${tenant}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: entra.app("blueprint").clientId,
      client_secret: "blueprint-secret",
      scope: "api://AzureADTokenExchange/.default",
      ...(agentIdentity === undefined ? {} : { fmi_path: entra.app(agentIdentity).clientId }),
    }),
  });
  return (await response.json()).access_token;
}

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export async function keyPair(dates: { notBeforeDate?: Date; notAfterDate?: Date } = {}): Promise<KeyPair> {
  const { cert, private: key } = await generate([{ name: "commonName", value: "client" }], {
    algorithm: "sha256",
    ...dates,
  });
  return { cert, key };
}

function signedBy(by: KeyPair, named: KeyPair, claims: JWTPayload): Promise<string> {
  const thumbprint = createHash("sha256").update(new X509Certificate(named.cert).raw).digest("base64url");
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "PS256", "x5t#S256": thumbprint })
    .sign(createPrivateKey(by.key));
}

/** The same token for somebody else, without a new signature. */
function tampered(token: string): string {
  const [header, payload = "", signature] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
  const changed = Buffer.from(JSON.stringify({ ...claims, name: "Eve" })).toString("base64url");
  return [header, changed, signature].join(".");
}
