import type { IncomingMessage } from "node:http";
import type { EntraApp, ManagedIdentity } from "./directory-objects.js";
import { json, type Reply } from "./http.js";
import type { EntraRequest } from "./log.js";
import type { EntraState } from "./state.js";
import { accessToken } from "./tokens.js";

/**
 * The identity endpoint of App Service: `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`, api-version 2019-08-01.
 * Source: learn.microsoft.com/azure/app-service/overview-managed-identity, REST endpoint reference.
 */
export async function managedIdentityToken(
  state: EntraState,
  request: IncomingMessage,
  query: URLSearchParams,
  entry: EntraRequest,
): Promise<Reply> {
  entry.grantType = "managed_identity";
  if (request.headers["x-identity-header"] !== state.msiHeader) {
    return failure(401, "The X-IDENTITY-HEADER header is missing or wrong.");
  }
  if (query.get("api-version") !== "2019-08-01") return failure(400, "The api-version is not supported.");
  const resourceUri = query.get("resource");
  if (resourceUri === null) return failure(400, "The resource parameter is missing.");
  const identity = named(state, query);
  if (identity === undefined) {
    return failure(
      400,
      "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
    );
  }
  entry.client = identity.name;
  const resource = state.directory.resource(resourceUri, identity.tenantId);
  if (resource === undefined) {
    return failure(
      400,
      `AADSTS500011: The resource principal named ${resourceUri} was not found in the tenant.`,
    );
  }
  entry.resource = resource.name;
  const lifetimeS = 86_400;
  const token = await accessToken(state, {
    tenantId: identity.tenantId,
    client: asApp(identity, resource),
    resource,
    resourceUri,
    proof: identity.federated ? "federated" : "certificate",
    lifetimeS,
    claims: { idtyp: "app", xms_mirid: identity.resourceId },
  });
  return json(200, {
    access_token: token,
    client_id: identity.clientId,
    expires_on: String(Math.floor(state.now() / 1000) + lifetimeS),
    resource: resourceUri,
    token_type: "Bearer",
  });
}

function named(state: EntraState, query: URLSearchParams): ManagedIdentity | undefined {
  const identities = state.directory.managedIdentities;
  const clientId = query.get("client_id");
  const principalId = query.get("principal_id") ?? query.get("object_id");
  const resourceId = query.get("mi_res_id") ?? query.get("msi_res_id");
  if (clientId !== null) return identities.find((one) => one.clientId === clientId);
  if (principalId !== null) return identities.find((one) => one.objectId === principalId);
  if (resourceId !== null)
    return identities.find((one) => one.resourceId.toLowerCase() === resourceId.toLowerCase());
  return identities.find((one) => one.systemAssigned);
}

/** A managed identity is a service principal without an app of its own. */
function asApp(identity: ManagedIdentity, like: EntraApp): EntraApp {
  const { name, clientId, objectId, tenantId } = identity;
  return { ...like, name, clientId, objectId, tenantId, isBlueprint: false };
}

function failure(statusCode: number, message: string): Reply {
  return json(statusCode, { statusCode, message });
}
