import type { AuthorizeRequest } from "./authorize-request.js";
import type { Account, EntraApp, EntraTenant } from "./directory-objects.js";
import { parseScopes, requiredScopes } from "./scopes.js";
import type { EntraState } from "./state.js";

/** What a consent page would be about. */
export interface MissingConsent {
  readonly needed: boolean;
  /** Whether something missing is for administrators to give. */
  readonly adminOnly: boolean;
  /** Everything the app asks for, in words. */
  readonly descriptions: readonly string[];
}

interface Wanted {
  readonly client: EntraApp;
  readonly resource: EntraApp;
  readonly names: readonly string[];
}

const oidcDescriptions: Record<string, string> = {
  openid: "Sign you in and read your profile",
  profile: "View your basic profile",
  email: "View your email address",
  offline_access: "Maintain access to data you have given it access to",
};

export function missingConsent(
  state: EntraState,
  request: AuthorizeRequest,
  account: Account,
): MissingConsent {
  const { oidc, wanted } = everythingWanted(state, request, account);
  const missing = wanted.flatMap(({ client, resource, names }) => {
    const granted = state.consents.granted({
      tenantId: account.tenantId,
      oid: account.oid,
      client,
      resource,
    });
    return names.filter((name) => !granted.has(name)).map((name) => scopeNamed(resource, name));
  });
  return {
    needed: missing.length > 0,
    adminOnly: missing.some((scope) => scope?.adminOnly === true),
    descriptions: [
      ...wanted.flatMap(({ resource, names }) =>
        names.map((name) => `${scopeNamed(resource, name)?.description ?? name} (${resource.name})`),
      ),
      ...[...oidc].map((scope) => oidcDescriptions[scope] ?? scope),
    ],
  };
}

export function recordConsent(
  state: EntraState,
  request: AuthorizeRequest,
  account: Account,
  everybody: boolean,
): void {
  for (const { client, resource, names } of everythingWanted(state, request, account).wanted) {
    const oid = everybody ? undefined : account.oid;
    state.consents.grant({ tenantId: account.tenantId, oid, client, resource }, names);
  }
}

/**
 * The scopes of the request, of every resource it names. `/.default` means what is configured on the client,
 * and, where the resource knows the client, also what is configured on the resource: one page for both.
 */
function everythingWanted(
  state: EntraState,
  { client, scope }: AuthorizeRequest,
  account: Account,
): { oidc: ReadonlySet<string>; wanted: readonly Wanted[] } {
  const tenant = state.directory.tenant(account.tenantId) as EntraTenant;
  const { oidc, resources } = parseScopes(state, tenant, client, scope);
  const wanted = resources.flatMap(({ app, names, isDefault }): Wanted[] => {
    if (!isDefault) return [{ client, resource: app, names }];
    const known = (app.options.knownClients ?? []).some((ref) => state.directory.app(ref) === client);
    return [
      { client, resource: app, names: requiredScopes(state, client, app) },
      ...(known ? configuredOn(state, app) : []),
    ];
  });
  return { oidc, wanted };
}

/** Everything configured on an app, by resource. */
export function configuredOn(state: EntraState, client: EntraApp): readonly Wanted[] {
  return (client.options.requiredAccess ?? []).map(({ resource, scopes = [] }) => ({
    client,
    resource: state.directory.app(resource),
    names: scopes,
  }));
}

function scopeNamed(resource: EntraApp, name: string): EntraApp["scopes"][number] | undefined {
  return resource.scopes.find((scope) => scope.name === name);
}
