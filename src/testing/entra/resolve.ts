import { randomUUID } from "node:crypto";
import type { Additions, EntraApp, EntraTenant, EntraUser, ManagedIdentity } from "./directory-objects.js";
import type {
  AgentIdentityOptions,
  EntraAppOptions,
  EntraTenantOptions,
  EntraUserOptions,
  ManagedIdentityOptions,
  RedirectUriOptions,
} from "./options.js";

export function resolveTenant(options: EntraTenantOptions, index: number): EntraTenant {
  const name = options.name ?? (index === 0 ? "Contoso" : `Tenant ${index + 1}`);
  return {
    id: (options.id ?? randomUUID()).toLowerCase(),
    name,
    domain: options.domain ?? `${name.toLowerCase().replace(/[^a-z0-9]/g, "")}.onmicrosoft.com`,
  };
}

export function resolveApp(options: EntraAppOptions, tenantId: (value?: string) => string): EntraApp {
  const clientId = (options.clientId ?? randomUUID()).toLowerCase();
  const installedIn = (options.installedIn ?? []).map(tenantId);
  return {
    name: options.name,
    clientId,
    objectId: randomUUID(),
    tenantId: tenantId(options.tenant),
    installedIn,
    multiTenant: options.multiTenant ?? installedIn.length > 0,
    identifierUris: options.identifierUris ?? [`api://${clientId}`],
    scopes: (options.scopes ?? []).map((scope) => {
      const { name, description, adminOnly } = typeof scope === "string" ? { name: scope } : scope;
      return { name, description: description ?? name, adminOnly: adminOnly ?? false };
    }),
    accessTokenVersion: options.accessTokenVersion ?? 2,
    optionalClaims: options.optionalClaims ?? [],
    isBlueprint: options.agentIdentities !== undefined,
    options,
  };
}

export function agentIdentitiesOf(blueprint: EntraApp, tenantId: (value?: string) => string): EntraApp[] {
  return (blueprint.options.agentIdentities ?? []).map((given) => {
    const { clientId = randomUUID(), tenant = blueprint.tenantId } = typeof given === "string" ? {} : given;
    return agentIdentityApp(blueprint, given, {
      clientId: clientId.toLowerCase(),
      tenantId: tenantId(tenant),
    });
  });
}

/**
 * The app that an agent identity is in requests and tokens: a service principal whose client id is its object
 * id, in one tenant, without credentials or redirect URIs of its own. Source: agent-id/agent-identities.
 */
function agentIdentityApp(
  blueprint: EntraApp,
  given: string | AgentIdentityOptions,
  ids: { readonly clientId: string; readonly tenantId: string },
): EntraApp {
  const { name } = typeof given === "string" ? { name: given } : given;
  return {
    name,
    clientId: ids.clientId,
    objectId: ids.clientId,
    tenantId: ids.tenantId,
    installedIn: [],
    multiTenant: false,
    identifierUris: [],
    scopes: [],
    accessTokenVersion: 2,
    optionalClaims: [],
    isBlueprint: false,
    blueprintId: blueprint.clientId,
    options: { name },
  };
}

export function resolveUser(
  options: EntraUserOptions,
  tenants: readonly EntraTenant[],
  tenantId: (value?: string) => string,
): EntraUser {
  const home = tenantId(options.tenant);
  const domain = tenants.find(({ id }) => id === home)?.domain ?? "";
  const alias = options.name.toLowerCase().replace(/[^a-z0-9]+/g, ".");
  return {
    name: options.name,
    upn: options.upn ?? `${alias}@${domain}`,
    oid: options.oid ?? randomUUID(),
    tenantId: home,
    guestOids: Object.fromEntries(
      (options.guestIn ?? []).map((guestIn) => [tenantId(guestIn), randomUUID()]),
    ),
    admin: options.admin ?? false,
  };
}

export function resolveIdentity(
  options: ManagedIdentityOptions,
  index: number,
  tenantId: (value?: string) => string,
): ManagedIdentity {
  const group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/emulator";
  return {
    name: options.name,
    clientId: options.clientId ?? randomUUID(),
    objectId: options.objectId ?? randomUUID(),
    resourceId:
      options.resourceId ??
      `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${options.name}`,
    tenantId: tenantId(options.tenant),
    systemAssigned: options.systemAssigned ?? index === 0,
    federated: options.federated ?? false,
  };
}

/** Agent identities have none: their blueprint's count, and the page that shows administrators a token. */
export function redirectUrisOfAgents(blueprint: Additions | undefined): RedirectUriOptions[] {
  const shown = { uri: "https://entra.microsoft.com/TokenAuthorize", type: "web" } as const;
  return [...(blueprint?.redirectUris ?? []), shown];
}

export function additionsOf(options: EntraAppOptions): Additions {
  return {
    redirectUris: (options.redirectUris ?? []).map((uri) =>
      typeof uri === "string" ? { uri, type: "web" } : uri,
    ),
    federatedCredentials: [...(options.federatedCredentials ?? [])],
  };
}
