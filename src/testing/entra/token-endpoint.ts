import type { IncomingMessage } from "node:http";
import { decodeJwt } from "jose";
import { authenticateClient, claimedClient, knownClient } from "./client-auth.js";
import type { Account, EntraTenant } from "./directory-objects.js";
import { authorizationCode } from "./grants/authorization-code.js";
import { clientCredentials } from "./grants/client-credentials.js";
import { onBehalfOf } from "./grants/on-behalf-of.js";
import { refreshTokenGrant } from "./grants/refresh-token.js";
import { json, type Reply } from "./http.js";
import { redactedParams, type EntraRequest } from "./log.js";
import type { PolicySubject } from "./policies.js";
import type { EntraGrant } from "./policy-types.js";
import { refused } from "./refused.js";
import type { EntraState } from "./state.js";
import { required, type TokenCall, type TokenResponse } from "./token-call.js";

const grants: Record<string, { name: EntraGrant; run: (call: TokenCall) => Promise<TokenResponse> }> = {
  authorization_code: { name: "authorization_code", run: authorizationCode },
  refresh_token: { name: "refresh_token", run: refreshTokenGrant },
  client_credentials: { name: "client_credentials", run: clientCredentials },
  "urn:ietf:params:oauth:grant-type:jwt-bearer": { name: "on_behalf_of", run: onBehalfOf },
};

/** What of a token request can be understood before it is checked: for the log and for policies. */
export function understandTokenRequest(
  state: EntraState,
  request: IncomingMessage,
  params: URLSearchParams,
  entry: EntraRequest,
): PolicySubject {
  const { clientId } = claimedClient(params, request.headers.authorization);
  const client = clientId === undefined ? undefined : state.directory.appById(clientId);
  const grantType = params.get("grant_type") ?? "";
  const grant = Object.hasOwn(grants, grantType) ? grants[grantType]?.name : undefined;
  const scopes = (params.get("scope") ?? "").split(" ").filter((scope) => scope !== "");
  const resource = scopes
    .filter((scope) => scope.includes("/"))
    .map((scope) => scope.slice(0, scope.lastIndexOf("/")))
    .map((uri) => state.directory.tenants.map(({ id }) => state.directory.resource(uri, id)).find(Boolean))
    .find((app) => app !== undefined);
  const account = probableAccount(state, params);
  entry.params = redactedParams(params);
  entry.scopes = scopes;
  entry.grantType = grant ?? grantType;
  const name = client?.name ?? clientId;
  if (name !== undefined) entry.client = name;
  if (account !== undefined) {
    entry.user = account.user.name;
    entry.oid = account.oid;
  }
  return { endpoint: "token", client, resource, account, grant };
}

/** Answers `POST /{tenant}/oauth2/v2.0/token`. Throws a refusal. */
export async function tokenEndpoint(
  state: EntraState,
  request: IncomingMessage,
  params: URLSearchParams,
  tenant: EntraTenant | undefined,
  entry: EntraRequest,
): Promise<Reply> {
  const grantType = required(params, "grant_type");
  const grant = Object.hasOwn(grants, grantType) ? grants[grantType] : undefined;
  if (grant === undefined) throw refused("grant_unsupported", { grant: grantType });
  const { clientId, secret } = claimedClient(params, request.headers.authorization);
  if (clientId === undefined || clientId === "")
    throw refused("parameter_missing", { parameter: "client_id" });
  const client = knownClient(state, clientId, tenant);
  const origin = request.headers.origin;
  const proof = await authenticateClient(state, { app: client, tenant, params, secret });
  entry.clientAuth = proof;
  const body = await grant.run({ state, params, client, proof, tenant, origin, entry });
  return json(200, body, origin === undefined ? {} : { "access-control-allow-origin": origin });
}

/** Whose request this is, unverified: so that a policy may be about one person even when it comes first. */
function probableAccount(state: EntraState, params: URLSearchParams): Account | undefined {
  const assertion = params.get("assertion");
  if (assertion === null) {
    return (
      state.refreshTokens.get(params.get("refresh_token") ?? "")?.account ??
      state.codes.get(params.get("code") ?? "")?.account
    );
  }
  try {
    const { oid, tid } = decodeJwt(assertion);
    return state.directory.accountByOid(String(oid), String(tid));
  } catch {
    return undefined;
  }
}
