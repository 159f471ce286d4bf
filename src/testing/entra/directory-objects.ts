import type {
  EntraAppOptions,
  EntraScopeOptions,
  FederatedCredentialOptions,
  RedirectUriOptions,
} from "./options.js";

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
export interface Additions {
  readonly redirectUris: RedirectUriOptions[];
  readonly federatedCredentials: FederatedCredentialOptions[];
}
