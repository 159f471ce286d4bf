import {
  check,
  clock,
  count,
  either,
  flag,
  func,
  list,
  milliseconds,
  oneOf,
  optional,
  orElse,
  seconds,
  text,
} from "../../options/checks.js";
import { nested, type Checked, type OptionCheck, type OptionTable } from "../../options/option-table.js";
import { byType } from "../by-type.js";
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
import type { EntraPolicy } from "./policy-types.js";
import { refOption } from "./refs.js";

type EntraDefaults =
  | "tenants"
  | "managedIdentities"
  | "policies"
  | "port"
  | "cloud"
  | "now"
  | "accessTokenLifetimeS";

/** {@link EntraOptions}, checked and complete. */
export type EntraSettings = Checked<EntraOptions, EntraDefaults>;

const name = text();
const names = list(text());
const guid = text("a GUID", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i);
const status = count(200, 599);
const anySeconds = seconds(0, Number.MAX_SAFE_INTEGER);

/** A port of 127.0.0.1; 0 for any that is free. */
export const portOption: OptionCheck<number> = orElse(count(0, 65_535), 0);

/** A redirect URI, with its platform or without. */
export const redirectUriOption: OptionCheck<string | RedirectUriOptions> = either(
  text(),
  nested<RedirectUriOptions>({ uri: text(), type: oneOf("web", "spa", "native") }),
);

/** A federated identity credential. */
export const federatedCredentialOption: OptionCheck<FederatedCredentialOptions> =
  nested<FederatedCredentialOptions>({
    issuer: optional(text()),
    subject: optional(text()),
    audience: optional(text()),
    managedIdentity: optional(name),
  });

/** A policy, from the start or added at run time. */
export const policyOption: OptionCheck<EntraPolicy> = byType<EntraPolicy>(
  {
    type: oneOf(
      "mfa",
      "auth_context",
      "blocked",
      "disabled",
      "revoked",
      "sign_in_frequency",
      "refuse",
      "throttled",
      "transient",
      "slow",
      "hang",
      "html",
      "reset",
      "swap",
    ),
    user: optional(refOption),
    client: optional(refOption),
    resource: optional(refOption),
    grant: optional(
      oneOf("authorization_code", "refresh_token", "client_credentials", "on_behalf_of", "managed_identity"),
    ),
    endpoint: optional(oneOf("token", "keys", "discovery", "authorize")),
    times: optional(count()),
    value: optional(text()),
    codes: optional(list(count())),
    error: optional(text()),
    suberror: optional(text()),
    claims: optional(text()),
    description: optional(text()),
    status: optional(status),
    retryAfterS: optional(anySeconds),
    delayMs: optional(milliseconds(0)),
  },
  { auth_context: ["value"], refuse: ["codes"], slow: ["delayMs"] },
);

const appTable: OptionTable<EntraAppOptions> = {
  name,
  clientId: optional(guid),
  tenant: optional(name),
  installedIn: optional(names),
  multiTenant: optional(flag),
  identifierUris: optional(names),
  scopes: optional(
    list(
      either(
        name,
        nested<EntraScopeOptions>({
          name,
          description: optional(text()),
          adminOnly: optional(flag),
        }),
      ),
    ),
  ),
  accessTokenVersion: optional(
    check<1 | 2>("number", "1 or 2", (version: number) => version === 1 || version === 2),
  ),
  optionalClaims: optional(names),
  secrets: optional(
    list(
      either(
        text(),
        nested<{ readonly value: string; readonly expiresAt: number }>({
          value: text(),
          expiresAt: milliseconds(0, Number.MAX_SAFE_INTEGER),
        }),
      ),
    ),
  ),
  certificates: optional(names),
  federatedCredentials: optional(list(federatedCredentialOption)),
  redirectUris: optional(list(redirectUriOption)),
  preAuthorized: optional(
    list(
      nested<{ readonly client: string; readonly scopes: readonly string[] }>({
        client: name,
        scopes: names,
      }),
    ),
  ),
  knownClients: optional(names),
  requiredAccess: optional(
    list(
      nested<NonNullable<EntraAppOptions["requiredAccess"]>[number]>({
        resource: name,
        scopes: optional(names),
        roles: optional(names),
      }),
    ),
  ),
  assignmentRequired: optional(flag),
  assignedUsers: optional(names),
  publicClient: optional(flag),
  disabled: optional(flag),
  agentIdentities: optional(
    list(
      either(
        name,
        nested<AgentIdentityOptions>({
          name,
          clientId: optional(guid),
          tenant: optional(name),
          idTokens: optional(flag),
        }),
      ),
    ),
  ),
  inheritablePermissions: optional(
    list(
      nested<NonNullable<EntraAppOptions["inheritablePermissions"]>[number]>({
        resource: name,
        scopes: optional(names),
      }),
    ),
  ),
};

/** The options of `startEntra()`. */
export const entraOptions: OptionTable<EntraOptions, EntraDefaults> = {
  tenants: orElse(
    list(nested<EntraTenantOptions>({ id: optional(guid), name: optional(name), domain: optional(text()) })),
    [],
  ),
  apps: list(nested(appTable)),
  users: list(
    nested<EntraUserOptions>({
      name,
      upn: optional(text()),
      oid: optional(text()),
      tenant: optional(name),
      guestIn: optional(names),
      admin: optional(flag),
    }),
  ),
  managedIdentities: orElse(
    list(
      nested<ManagedIdentityOptions>({
        name,
        clientId: optional(text()),
        objectId: optional(text()),
        resourceId: optional(text()),
        tenant: optional(name),
        systemAssigned: optional(flag),
        federated: optional(flag),
      }),
    ),
    [],
  ),
  policies: orElse(list(policyOption), []),
  port: portOption,
  cloud: orElse(oneOf("global", "us_gov", "china"), "global"),
  tls: optional(nested<{ readonly cert: string; readonly key: string }>({ cert: text(), key: text() })),
  now: clock,
  accessTokenLifetimeS: orElse(seconds(1, Number.MAX_SAFE_INTEGER), 3599),
  refreshInS: optional(anySeconds),
  log: optional(func<NonNullable<EntraOptions["log"]>>()),
};
