import type { EntraApp, EntraTenant } from "./directory-objects.js";
import { graphId } from "./microsoft-apps.js";
import { refused } from "./refused.js";
import type { EntraState } from "./state.js";

const oidcScopes: ReadonlySet<string> = new Set(["openid", "profile", "email", "offline_access"]);

/** What a `scope` parameter asks for. */
export interface RequestedScopes {
  /** The parameter, as sent. */
  readonly raw: string;
  readonly oidc: ReadonlySet<string>;
  /** One entry for each resource named. */
  readonly resources: readonly RequestedResource[];
}

export interface RequestedResource {
  readonly app: EntraApp;
  /** As written: an app-ID URI or a client id. Version 1 tokens name it as their audience. */
  readonly uri: string;
  /** Short names, without `.default`. */
  readonly names: readonly string[];
  readonly isDefault: boolean;
}

/**
 * Reads a `scope` parameter. A scope without a resource belongs to Microsoft Graph, which refuses what it
 * does not know (AADSTS650053).
 */
export function parseScopes(
  state: EntraState,
  tenant: EntraTenant,
  client: EntraApp,
  raw: string,
): RequestedScopes {
  const parts = raw.split(" ").filter((part) => part !== "");
  const oidc = new Set(parts.filter((part) => oidcScopes.has(part.toLowerCase())));
  const byResource = new Map<string, { app: EntraApp; uri: string; names: string[]; isDefault: boolean }>();
  for (const part of parts) {
    if (oidc.has(part)) continue;
    const slash = part.lastIndexOf("/");
    const uri = slash <= 0 ? graphId : part.slice(0, slash);
    const name = slash <= 0 ? part : part.slice(slash + 1);
    if (name === "" || /["\\\r\n]/.test(part)) throw refused("scope_invalid", { scope: raw });
    const app = state.directory.resource(uri, tenant.id);
    if (app === undefined) throw refused("resource_unknown", { resource: uri, tenant: tenant.name });
    if (app.options.disabled) throw refused("resource_disabled", { resource: uri, tenant: tenant.name });
    const entry = byResource.get(app.clientId) ?? { app, uri, names: [], isDefault: false };
    byResource.set(app.clientId, entry);
    if (name === ".default") {
      entry.isDefault = true;
    } else {
      entry.names.push(exposedName(app, name) ?? unknownScope(client, app, name));
    }
  }
  const resources = [...byResource.values()];
  if (resources.some(({ isDefault, names }) => isDefault && names.length > 0)) {
    throw refused("scope_invalid", { scope: raw });
  }
  return { raw, oidc, resources };
}

/** The same for requests that may name one resource only; none means Microsoft Graph. */
export function oneResource(state: EntraState, scopes: RequestedScopes): RequestedResource {
  if (scopes.resources.length > 1) throw refused("several_resources", { scope: scopes.raw });
  const graph = state.directory.app(graphId);
  return (
    scopes.resources[0] ?? { app: graph, uri: graph.clientId, names: [...scopes.oidc], isDefault: false }
  );
}

/** The resource a request is about first, for policies; undefined for several or none. */
export function oneResourceOf({ resources }: RequestedScopes): EntraApp | undefined {
  return resources.length === 1 ? resources[0]?.app : undefined;
}

/** The permissions configured on the client for a resource: what `/.default` means. */
export function requiredScopes(state: EntraState, client: EntraApp, resource: EntraApp): readonly string[] {
  return (client.options.requiredAccess ?? [])
    .filter((entry) => state.directory.app(entry.resource) === resource)
    .flatMap((entry) => entry.scopes ?? []);
}

/** The application permissions an administrator granted. */
export function grantedRoles(state: EntraState, client: EntraApp, resource: EntraApp): readonly string[] {
  return (client.options.requiredAccess ?? [])
    .filter((entry) => state.directory.app(entry.resource) === resource)
    .flatMap((entry) => entry.roles ?? []);
}

/** Scope names are compared without regard to case, and written as the resource declares them. */
function exposedName(app: EntraApp, name: string): string | undefined {
  return app.scopes.find((scope) => scope.name.toLowerCase() === name.toLowerCase())?.name;
}

function unknownScope(client: EntraApp, app: EntraApp, scope: string): never {
  throw refused("scope_unknown", { client: client.name, scope, resourceId: app.clientId });
}

/**
 * `resource=` beside `scope` must name the scopes' own resource. Source: facts seen in 2026, AADSTS9010010.
 */
export function checkResourceParameter(
  state: EntraState,
  tenant: EntraTenant,
  parameter: string | null,
  resource: RequestedResource,
): void {
  if (parameter === null) return;
  const named = state.directory.resource(parameter, tenant.id);
  if (named !== resource.app) throw refused("resource_parameter");
}
