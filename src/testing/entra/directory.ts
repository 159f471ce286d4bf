import { invalid } from "../../options/invalid.js";
import type {
  Account,
  Additions,
  EntraApp,
  EntraTenant,
  EntraUser,
  ManagedIdentity,
} from "./directory-objects.js";
import { microsoftApps, tokenExchangeAudiences } from "./microsoft-apps.js";
import type { EntraSettings } from "./option-checks.js";
import type { AppRef, UserRef } from "./refs.js";
import {
  additionsOf,
  agentIdentitiesOf,
  redirectUrisOfAgents,
  resolveApp,
  resolveIdentity,
  resolveTenant,
  resolveUser,
} from "./resolve.js";

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
export function buildDirectory(options: EntraSettings): Directory {
  const tenants = (options.tenants.length > 0 ? options.tenants : [{}]).map(resolveTenant);
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
  const tokenExchangeAudience = tokenExchangeAudiences[options.cloud];
  const microsoft = microsoftApps(tokenExchangeAudience).map((app) => ({
    ...resolveApp(app, tenantId),
    installedIn: tenants.map(({ id }) => id),
  }));
  const everyApp = [...own, ...microsoft];
  const users = options.users.map((user) => resolveUser(user, tenants, tenantId));
  const managedIdentities = options.managedIdentities.map((one, index) =>
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

function fail(what: string): never {
  throw invalid("startEntra", `${what}.`);
}
