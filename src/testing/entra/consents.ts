import type { EntraApp } from "./directory-objects.js";

/** Who consented to what: per tenant, client and resource, for one user or for everybody. */
export interface Consents {
  grant(key: ConsentKey, scopes: readonly string[]): void;
  /** Takes back some scopes, or all of them. */
  revoke(key: ConsentKey, scopes?: readonly string[]): void;
  /** Everything granted to this user and client on this resource, pre-authorisation included. */
  granted(key: ConsentKey & { readonly oid: string }): ReadonlySet<string>;
}

export interface ConsentKey {
  readonly tenantId: string;
  /** Absent: an administrator's consent, for everybody. */
  readonly oid?: string | undefined;
  readonly client: EntraApp;
  readonly resource: EntraApp;
}

export function createConsents(): Consents {
  const grants = new Map<string, Set<string>>();
  const keyOf = ({ tenantId, oid, client, resource }: ConsentKey): string =>
    JSON.stringify([tenantId, oid ?? "*", client.clientId, resource.clientId]);
  return {
    grant: (key, scopes) => {
      const known = grants.get(keyOf(key)) ?? new Set();
      for (const scope of scopes) known.add(scope);
      grants.set(keyOf(key), known);
    },
    revoke: (key, scopes) => {
      if (scopes === undefined) grants.delete(keyOf(key));
      for (const scope of scopes ?? []) grants.get(keyOf(key))?.delete(scope);
    },
    granted: (key) =>
      new Set([
        ...(grants.get(keyOf(key)) ?? []),
        ...(grants.get(keyOf({ ...key, oid: undefined })) ?? []),
        ...preAuthorized(key.resource, key.client),
      ]),
  };
}

function preAuthorized(resource: EntraApp, client: EntraApp): readonly string[] {
  return (resource.options.preAuthorized ?? [])
    .filter((entry) => entry.client === client.name || entry.client.toLowerCase() === client.clientId)
    .flatMap((entry) => entry.scopes);
}
