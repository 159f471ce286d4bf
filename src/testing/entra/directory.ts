import { randomUUID } from "node:crypto";
import { HostedAgentIdentityError } from "../../errors.js";
import { microsoftApps, tokenExchangeAudiences } from "./microsoft-apps.js";
import type {
  AgentIdentityOptions,
  EntraAppOptions,
  EntraOptions,
  EntraScopeOptions,
  EntraTenantOptions,
  EntraUserOptions,
  FederatedCredentialOptions,
  ManagedIdentityOptions,
  RedirectUriOptions,
} from "./options.js";
import type { AppRef, UserRef } from "./refs.js";

/**
 * A tenant with its ids.
 *
 * @group Test kit
 */
export interface EntraTenant {
  readonly id: string;
  readonly name: string;
  readonly domain: string;
}

/**
 * An app registration with its ids.
 *
 * @group Test kit
 */
export interface EntraApp {
  readonly name: string;
  readonly clientId: string;
  /** The object id of its service principal: `oid` of its app-only tokens. */
  readonly objectId: string;
  readonly tenantId: string;
  readonly installedIn: readonly string[];
  readonly multiTenant: boolean;
  readonly identifierUris: readonly string[];
  /** Exposed delegated scopes. */
  readonly scopes: readonly Required<EntraScopeOptions>[];
  readonly accessTokenVersion: 1 | 2;
  readonly optionalClaims: readonly string[];
  /** Whether it is an agent identity blueprint. */
  readonly isBlueprint: boolean;
  /** Of an agent identity: the client id of its blueprint. */
  readonly blueprintId?: string;
  readonly options: EntraAppOptions;
}

/**
 * A person with their ids.
 *
 * @group Test kit
 */
export interface EntraUser {
  readonly name: string;
  readonly upn: string;
  /** The object id in the home tenant. */
  readonly oid: string;
  readonly tenantId: string;
  /** Object ids in other tenants, by tenant id. */
  readonly guestOids: Readonly<Record<string, string>>;
  readonly admin: boolean;
}

/** A user as one tenant sees them. */
export interface Account {
  readonly user: EntraUser;
  readonly tenantId: string;
  readonly oid: string;
}

/**
 * A managed identity with its ids.
 *
 * @group Test kit
 */
export interface ManagedIdentity {
  readonly name: string;
  readonly clientId: string;
  readonly objectId: string;
  readonly resourceId: string;
  readonly tenantId: string;
  readonly systemAssigned: boolean;
  readonly federated: boolean;
}

/** What can change while the emulator runs. */
interface Additions {
  readonly redirectUris: RedirectUriOptions[];
  readonly federatedCredentials: FederatedCredentialOptions[];
}

export interface Directory {
  /** What a federated credential's token is for, in this cloud. */
  readonly tokenExchangeAudience: string;
  readonly tenants: readonly EntraTenant[];
  readonly apps: readonly EntraApp[];
  readonly users: readonly EntraUser[];
  readonly managedIdentities: readonly ManagedIdentity[];
  /** By id, name or domain; undefined if unknown. */
  tenant(value: string): EntraTenant | undefined;
  /** Throws `invalid_option` for an app nobody declared. */
  app(ref: AppRef): EntraApp;
  user(ref: UserRef): EntraUser;
  appById(clientId: string): EntraApp | undefined;
  /** The app that an audience, app-ID URI or client id names, if it is installed in the tenant. */
  resource(uriOrId: string, tenantId: string): EntraApp | undefined;
  isInstalled(app: EntraApp, tenantId: string): boolean;
  account(user: EntraUser, tenantId: string): Account | undefined;
  accountByOid(oid: string, tenantId: string): Account | undefined;
  accounts(tenantId: string): readonly Account[];
  additions(app: EntraApp): Additions;
}

/** Gives everything its ids and makes it findable. */
export function buildDirectory(options: EntraOptions): Directory {
  const tenants = (options.tenants?.length ? options.tenants : [{}]).map(resolveTenant);
  const tenant = (value: string): EntraTenant | undefined => {
    const wanted = value.toLowerCase();
    return tenants.find((one) => [one.id, one.name.toLowerCase(), one.domain.toLowerCase()].includes(wanted));
  };
  const tenantId = (value: string | undefined): string => {
    const found = value === undefined ? tenants[0] : tenant(value);
    return found?.id ?? fail(`no tenant ${JSON.stringify(value)} was declared`);
  };

  const declared = options.apps.map((app) => resolveApp(app, tenantId));
  const own = declared.flatMap((app) => [app, ...agentIdentitiesOf(app, tenantId)]);
  const tokenExchangeAudience = tokenExchangeAudiences[options.cloud ?? "global"];
  const microsoft = microsoftApps(tokenExchangeAudience).map((app) => ({
    ...resolveApp(app, tenantId),
    installedIn: tenants.map(({ id }) => id),
  }));
  const everyApp = [...own, ...microsoft];
  const users = options.users.map((user) => resolveUser(user, tenants, tenantId));
  const managedIdentities = (options.managedIdentities ?? []).map((one, index) =>
    resolveIdentity(one, index, tenantId),
  );
  const additions = new Map(declared.map((app) => [app.clientId, additionsOf(app.options)]));
  const accounts = users.flatMap((user): Account[] => [
    { user, tenantId: user.tenantId, oid: user.oid },
    ...Object.entries(user.guestOids).map(([guestIn, oid]) => ({ user, tenantId: guestIn, oid })),
  ]);

  const directory: Directory = {
    tokenExchangeAudience,
    tenants,
    apps: own,
    users,
    managedIdentities,
    tenant,
    app: (ref) => {
      const value = typeof ref === "string" ? ref : ref.clientId;
      return (
        everyApp.find((app) => app.name === value || app.clientId === value.toLowerCase()) ??
        everyApp.find((app) => app.identifierUris.includes(value)) ??
        fail(`no app ${JSON.stringify(value)} was declared`)
      );
    },
    user: (ref) => {
      const value = typeof ref === "string" ? ref : ref.oid;
      return (
        users.find((user) =>
          [user.name, user.upn, user.oid, ...Object.values(user.guestOids)].includes(value),
        ) ?? fail(`no user ${JSON.stringify(value)} was declared`)
      );
    },
    appById: (clientId) => everyApp.find((app) => app.clientId === clientId.toLowerCase()),
    resource: (uriOrId, inTenant) => {
      const wanted = uriOrId.toLowerCase();
      return everyApp.find(
        (app) =>
          directory.isInstalled(app, inTenant) &&
          (app.clientId === wanted || app.identifierUris.some((uri) => uri.toLowerCase() === wanted)),
      );
    },
    isInstalled: (app, inTenant) => app.tenantId === inTenant || app.installedIn.includes(inTenant),
    account: (user, inTenant) =>
      accounts.find((account) => account.user === user && account.tenantId === inTenant),
    accountByOid: (oid, inTenant) =>
      accounts.find((account) => account.oid === oid && account.tenantId === inTenant),
    accounts: (inTenant) => accounts.filter((account) => account.tenantId === inTenant),
    additions: (app) =>
      additions.get(app.clientId) ??
      (app.blueprintId === undefined
        ? fail(`${JSON.stringify(app.name)} cannot be changed`)
        : { redirectUris: redirectUrisOfAgents(additions.get(app.blueprintId)), federatedCredentials: [] }),
  };
  return directory;
}

function resolveTenant(options: EntraTenantOptions, index: number): EntraTenant {
  const name = options.name ?? (index === 0 ? "Contoso" : `Tenant ${index + 1}`);
  return {
    id: (options.id ?? randomUUID()).toLowerCase(),
    name,
    domain: options.domain ?? `${name.toLowerCase().replace(/[^a-z0-9]/g, "")}.onmicrosoft.com`,
  };
}

function resolveApp(options: EntraAppOptions, tenantId: (value?: string) => string): EntraApp {
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

function agentIdentitiesOf(blueprint: EntraApp, tenantId: (value?: string) => string): EntraApp[] {
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

function resolveUser(
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

function resolveIdentity(
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
function redirectUrisOfAgents(blueprint: Additions | undefined): RedirectUriOptions[] {
  const shown = { uri: "https://entra.microsoft.com/TokenAuthorize", type: "web" } as const;
  return [...(blueprint?.redirectUris ?? []), shown];
}

function additionsOf(options: EntraAppOptions): Additions {
  return {
    redirectUris: (options.redirectUris ?? []).map((uri) =>
      typeof uri === "string" ? { uri, type: "web" } : uri,
    ),
    federatedCredentials: [...(options.federatedCredentials ?? [])],
  };
}

function fail(what: string): never {
  throw new HostedAgentIdentityError("invalid_option", `startEntra: ${what}.`);
}
