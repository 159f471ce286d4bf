import type { EntraPolicy } from "./policy-types.js";
import type { EntraRequest } from "./log.js";

/**
 * The options of `startEntra`. Options and tests refer to apps, users and tenants by name.
 *
 * @group Test kit
 */
export interface EntraOptions {
  /** Default: one tenant with a random id. */
  readonly tenants?: readonly EntraTenantOptions[];
  readonly apps: readonly EntraAppOptions[];
  readonly users: readonly EntraUserOptions[];
  readonly managedIdentities?: readonly ManagedIdentityOptions[];
  /** In force from the start; `entra.policies` adds and removes others at run time. */
  readonly policies?: readonly EntraPolicy[];
  /** Default: any free port of 127.0.0.1. */
  readonly port?: number;
  /** The cloud whose token exchange audience federated credentials use; default `global`. */
  readonly cloud?: "global" | "us_gov" | "china";
  /** PEM. With it the emulator speaks https, which unmodified MSAL demands of an authority. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** The emulator's clock in milliseconds since 1970; default `Date.now`. */
  readonly now?: () => number;
  /** Seconds an access token lives; default 3599. */
  readonly accessTokenLifetimeS?: number;
  /** Sent as `refresh_in` with access tokens when given, in seconds. */
  readonly refreshInS?: number;
  /** Called with each entry of `entra.requests` as it is finished. */
  readonly log?: (entry: EntraRequest) => void;
}

/**
 * A tenant to create.
 *
 * @group Test kit
 */
export interface EntraTenantOptions {
  /** A GUID; default random. */
  readonly id?: string;
  readonly name?: string;
  readonly domain?: string;
}

/**
 * An app registration to create.
 *
 * @group Test kit
 */
export interface EntraAppOptions {
  readonly name: string;
  /** A GUID; default random. */
  readonly clientId?: string;
  /** The home tenant: id, name or domain. Default: the first tenant. */
  readonly tenant?: string;
  /** Tenants other than the home tenant where the app is installed; makes it multi-tenant. */
  readonly installedIn?: readonly string[];
  readonly multiTenant?: boolean;
  /** Default: `api://<client id>`. */
  readonly identifierUris?: readonly string[];
  /** Delegated scopes this app exposes, by short name. */
  readonly scopes?: readonly (string | EntraScopeOptions)[];
  /** The form of access tokens **for** this app; default 2. */
  readonly accessTokenVersion?: 1 | 2;
  /** Claims that tokens for this app carry only when asked to: `idtyp`, `xms_cc`, `upn`, `email`. */
  readonly optionalClaims?: readonly string[];
  readonly secrets?: readonly (string | { readonly value: string; readonly expiresAt: number })[];
  /** PEM certificates whose private keys may sign client assertions. */
  readonly certificates?: readonly string[];
  readonly federatedCredentials?: readonly FederatedCredentialOptions[];
  readonly redirectUris?: readonly (string | RedirectUriOptions)[];
  /** Clients (name or client id) that need no consent for these scopes of this app. */
  readonly preAuthorized?: readonly { readonly client: string; readonly scopes: readonly string[] }[];
  /** Clients whose users consent to this app's `requiredAccess` in one go, with `/.default`. */
  readonly knownClients?: readonly string[];
  /** Permissions configured on this app: what `/.default` asks for. `roles` count as granted by an admin. */
  readonly requiredAccess?: readonly {
    readonly resource: string;
    readonly scopes?: readonly string[];
    readonly roles?: readonly string[];
  }[];
  /** Only these users (names) get tokens for this app, as `assignedUsers`. */
  readonly assignmentRequired?: boolean;
  readonly assignedUsers?: readonly string[];
  /** May redeem codes and refresh tokens without a credential. */
  readonly publicClient?: boolean;
  readonly disabled?: boolean;
  /** Makes the app an agent identity blueprint, and these its agent identities. They are apps of their own. */
  readonly agentIdentities?: readonly (string | AgentIdentityOptions)[];
  /** Of a blueprint: the consented permissions that its agent identities inherit. Without `scopes`: all of them. */
  readonly inheritablePermissions?: readonly {
    readonly resource: string;
    readonly scopes?: readonly string[];
  }[];
}

/**
 * An agent identity to create. It authenticates with an exchange token that its blueprint requested.
 *
 * @group Test kit
 */
export interface AgentIdentityOptions {
  readonly name: string;
  /** A GUID, which is its object id too; default random. */
  readonly clientId?: string;
  /** The one tenant it is in; default the blueprint's home tenant. */
  readonly tenant?: string;
  /** Whether token responses to it include an id token. Microsoft does not document it. Default true. */
  readonly idTokens?: boolean;
}

/**
 * A delegated scope that an app exposes.
 *
 * @group Test kit
 */
export interface EntraScopeOptions {
  readonly name: string;
  /** What the consent page says. */
  readonly description?: string;
  /** Only an administrator may consent. */
  readonly adminOnly?: boolean;
}

/**
 * A redirect URI and its platform.
 *
 * @group Test kit
 */
export interface RedirectUriOptions {
  readonly uri: string;
  readonly type: "web" | "spa" | "native";
}

/**
 * A federated identity credential. `issuer` and `subject` may be left out for a managed identity of the emulator.
 *
 * @group Test kit
 */
export interface FederatedCredentialOptions {
  readonly issuer?: string;
  readonly subject?: string;
  /** Default: the token exchange audience of the cloud, `api://AzureADTokenExchange`. */
  readonly audience?: string;
  /** The name of a managed identity of this emulator. */
  readonly managedIdentity?: string;
}

/**
 * A user to create.
 *
 * @group Test kit
 */
export interface EntraUserOptions {
  readonly name: string;
  /** Default: from the name and the tenant's domain. */
  readonly upn?: string;
  /** The object id in the home tenant; default random. */
  readonly oid?: string;
  readonly tenant?: string;
  /** Other tenants (id, name or domain) where the user is a guest, with an object id of their own. */
  readonly guestIn?: readonly string[];
  /** May consent for all users. */
  readonly admin?: boolean;
}

/**
 * A managed identity to create.
 *
 * @group Test kit
 */
export interface ManagedIdentityOptions {
  readonly name: string;
  readonly clientId?: string;
  /** The principal id, which is `oid` and `sub` of its tokens. */
  readonly objectId?: string;
  readonly resourceId?: string;
  readonly tenant?: string;
  /** The identity that answers when the request names none. Default: the first. */
  readonly systemAssigned?: boolean;
  /**
   * Its tokens come from a federated credential themselves, as is reported of Foundry's hosted agents and of
   * Kubernetes workload identities. Entra takes none of them as a federated credential (AADSTS700231).
   */
  readonly federated?: boolean;
}
