import { randomUUID } from "node:crypto";
import { invalid } from "../../options/invalid.js";
import { parseClaims } from "./claims-request.js";
import type { EntraTenant } from "./directory-objects.js";
import type { AppTokenRequest, UserTokenRequest } from "./emulator.js";
import { freshSignIn, type EntraState } from "./state.js";
import { accessToken } from "./tokens.js";

/** An access token of a person, as after a sign-in. */
export async function issueUserToken(state: EntraState, request: UserTokenRequest): Promise<string> {
  const { directory } = state;
  const user = directory.user(request.user);
  const resource = directory.app(request.app);
  const tenantId = tenantNamed(state, request.tenant)?.id ?? user.tenantId;
  const account = directory.account(user, tenantId);
  if (account === undefined)
    throw invalid("startEntra", `${JSON.stringify(user.name)} is not in the tenant ${tenantId}.`);
  const { policyIds, authContexts } = parseClaims(request.claimsChallenge ?? null);
  const signIn = freshSignIn(state, account, [...policyIds, ...authContexts], randomUUID());
  const version = request.version ?? resource.accessTokenVersion;
  return accessToken(state, {
    tenantId,
    client: directory.app(request.client ?? request.app),
    resource,
    resourceUri: resource.identifierUris[0] ?? resource.clientId,
    proof: "none",
    person: { account, signIn, scopes: request.scopes ?? resource.scopes.map(({ name }) => name) },
    version,
    authContexts,
    lifetimeS: request.expiresInS,
    claims: request.claims,
    key: request.key === "unknown" ? await state.keys.unknown() : undefined,
  });
}

/** An access token of an app for another app. */
export async function issueAppToken(state: EntraState, request: AppTokenRequest): Promise<string> {
  const { directory } = state;
  const resource = directory.app(request.app);
  const client = directory.app(request.client);
  return accessToken(state, {
    tenantId: tenantNamed(state, request.tenant)?.id ?? client.tenantId,
    client,
    resource,
    resourceUri: resource.identifierUris[0] ?? resource.clientId,
    proof: "secret",
    roles: request.roles ?? [],
    version: request.version,
    lifetimeS: request.expiresInS,
    claims: request.claims,
  });
}

/** A tenant by id, name or domain. Throws `invalid_option` for one that was not declared. */
export function tenantNamed(state: EntraState, value: string | undefined): EntraTenant | undefined {
  if (value === undefined) return undefined;
  const tenant = state.directory.tenant(value);
  if (tenant === undefined) throw invalid("startEntra", `no tenant ${JSON.stringify(value)} was declared.`);
  return tenant;
}
