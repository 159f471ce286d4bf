import type { EntraApp } from "./directory-objects.js";
import { tokenExchangeId } from "./microsoft-apps.js";
import { refused } from "./refused.js";
import type { RequestedResource } from "./scopes.js";
import type { EntraState } from "./state.js";
import type { TokenCall } from "./token-call.js";

/** The blueprint of an agent identity; undefined for any other app. */
export function blueprintOf(state: EntraState, app: EntraApp): EntraApp | undefined {
  return app.blueprintId === undefined ? undefined : state.directory.appById(app.blueprintId);
}

/**
 * What may be answered to a client-credentials request of a blueprint: an exchange token, for an agent
 * identity of its own if `fmi_path` names one. Returns the subject of that token; undefined for the client's
 * own. Source: agent-id/agent-on-behalf-of-oauth-flow, step 3.
 */
export function exchangeSubject(call: TokenCall, { app: resource }: RequestedResource): string | undefined {
  const { state, client, params, tenant } = call;
  const fmiPath = params.get("fmi_path");
  const clientId = client.clientId;
  if (fmiPath !== null && !client.isBlueprint) throw refused("fmi_path_not_blueprint", { clientId });
  if (client.isBlueprint && resource.clientId !== tokenExchangeId) {
    throw refused("blueprint_app_only", { clientId, resource: resource.clientId });
  }
  if (fmiPath === null) return undefined;
  const identity = state.directory.appById(fmiPath);
  if (identity?.blueprintId !== clientId) throw refused("fmi_path_unknown", { clientId, fmiPath });
  return fmiSubject(tenant?.id ?? client.tenantId, client, identity);
}

/**
 * `sub` of an exchange token, as seen in tokens quoted in public: tenant and app as base64url of the bytes of
 * their GUIDs (as .NET orders them), then the path.
 */
export function fmiSubject(tenantId: string, blueprint: EntraApp, identity: EntraApp): string {
  return `/eid1/c/pub/t/${guidBytes(tenantId)}/a/${guidBytes(blueprint.clientId)}/${identity.clientId}`;
}

function guidBytes(guid: string): string {
  const [a = "", b = "", c = "", ...rest] = guid.split("-");
  const reversed = [a, b, c].map((part) => Buffer.from(part, "hex").reverse());
  return Buffer.concat([...reversed, Buffer.from(rest.join(""), "hex")]).toString("base64url");
}

/**
 * Claims that every token issued to an agent identity has. Facets are lists in no order, with values nobody
 * documents beside those somebody does. Source: agent-id/agent-token-claims.
 */
export function agentClaims(
  client: EntraApp,
  person: { readonly isGuest: boolean } | undefined,
): Record<string, unknown> {
  if (client.blueprintId === undefined) return {};
  const common = { xms_act_fct: "9 3 11", xms_par_app_azp: client.blueprintId };
  return person === undefined
    ? { ...common, idtyp: "app", scp: "/", xms_idrel: "7 10", xms_sub_fct: "3 11 9" }
    : { ...common, idtyp: "user", xms_idrel: person.isGuest ? "5" : "1" };
}

/**
 * What a blueprint's own consents let its agent identities do: the scopes it lets them inherit, in the same
 * tenant. Source: agent-id/concept-inheritable-permissions.
 */
export function inherited(
  state: EntraState,
  client: EntraApp,
  resource: EntraApp,
  grantedTo: (blueprint: EntraApp) => ReadonlySet<string>,
): readonly string[] {
  const blueprint = blueprintOf(state, client);
  const allowed = (blueprint?.options.inheritablePermissions ?? []).find(
    (one) => state.directory.app(one.resource) === resource,
  );
  if (blueprint === undefined || allowed === undefined) return [];
  return [...grantedTo(blueprint)].filter((scope) => allowed.scopes?.includes(scope) ?? true);
}
