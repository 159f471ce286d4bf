import { check, list, optional, text, isSecureUrl } from "../options/checks.js";
import { unexpected } from "../options/invalid.js";
import { nested, type OptionCheck, type OptionTable } from "../options/option-table.js";
import { isTenantDoor, type AskTenant } from "./tenants.js";

/** The endpoints of one Entra cloud. */
export interface CloudEndpoints {
  /** Where to sign in and get tokens: scheme, host and port. https, or http on a loopback host. */
  readonly loginEndpoint: string;
  /** The origin of version 1 issuers; defaults to `loginEndpoint`. */
  readonly stsEndpoint?: string;
  /** Other origins that this cloud's issuers may name. */
  readonly issuerAliases?: readonly string[];
  /** The audience of federated credentials, without `/.default`. */
  readonly tokenExchangeAudience?: string;
}

/** The name of a Microsoft cloud, or the endpoints of another one, such as the emulator. */
export type Cloud = CloudName | CloudEndpoints;
/** Microsoft's public cloud, its cloud for the US government, and the one in China. */
export type CloudName = "global" | "us_gov" | "china";

/**
 * Microsoft's clouds. An app is registered in one cloud, and cannot sign in to another. Source: learn.microsoft.com, identity-platform/authentication-national-cloud and
 * workload-id/workload-identity-federation-config-app-trust-managed-identity.
 */
const clouds: Record<CloudName, Required<CloudEndpoints>> = {
  global: {
    loginEndpoint: "https://login.microsoftonline.com",
    stsEndpoint: "https://sts.windows.net",
    issuerAliases: [],
    tokenExchangeAudience: "api://AzureADTokenExchange",
  },
  us_gov: {
    loginEndpoint: "https://login.microsoftonline.us",
    stsEndpoint: "https://sts.windows.net",
    issuerAliases: [],
    tokenExchangeAudience: "api://AzureADTokenExchangeUSGov",
  },
  china: {
    loginEndpoint: "https://login.partner.microsoftonline.cn",
    stsEndpoint: "https://sts.chinacloudapi.cn",
    issuerAliases: ["https://login.chinacloudapi.cn"],
    tokenExchangeAudience: "api://AzureADTokenExchangeChina",
  },
};

const origin: OptionCheck<string> = check<string>(
  "text",
  "an https origin (http only for a loopback host)",
  (value: string) => {
    const url = new URL(value);
    return isSecureUrl(url) && url.pathname === "/" && url.search === "";
  },
);

const endpoints: OptionTable<CloudEndpoints> = {
  loginEndpoint: origin,
  stsEndpoint: optional(origin),
  issuerAliases: optional(list(origin)),
  tokenExchangeAudience: optional(text()),
};

const cloudNames = Object.keys(clouds).map((name) => JSON.stringify(name));

/** A Microsoft cloud by name, or the endpoints of another one. */
export const cloudOption: OptionCheck<Cloud> = {
  kind: "mixed",
  expected: `${cloudNames.join(", ")}, or ${nested(endpoints).expected}`,
  optional: false,
  read(value, at) {
    if (typeof value === "object") return nested(endpoints).read(value, at);
    if (typeof value === "string" && Object.hasOwn(clouds, value)) return value as CloudName;
    throw unexpected(at, cloudOption.expected, value);
  },
};

/** The endpoints of a cloud. */
export function cloudEndpoints(cloud: Cloud = "global"): Required<CloudEndpoints> {
  if (typeof cloud === "string") return clouds[cloud];
  const loginEndpoint = originOf(cloud.loginEndpoint);
  return {
    loginEndpoint,
    stsEndpoint: originOf(cloud.stsEndpoint ?? loginEndpoint),
    issuerAliases: (cloud.issuerAliases ?? []).map(originOf),
    tokenExchangeAudience: cloud.tokenExchangeAudience ?? clouds.global.tokenExchangeAudience,
  };
}

function originOf(url: string): string {
  return new URL(url).origin;
}

/**
 * The cloud that an authority host names, as in the environment variable `AZURE_AUTHORITY_HOST` of the Azure
 * SDKs: one of Microsoft's, or another one's endpoint. Throws `invalid_option`.
 */
export function cloudOfAuthorityHost(host: string | undefined): Cloud {
  if (host === undefined || host === "") return "global";
  const loginEndpoint = originOf(
    origin.read(host.includes("://") ? host : `https://${host}`, "AZURE_AUTHORITY_HOST"),
  );
  const known = (Object.keys(clouds) as CloudName[]).find(
    (name) => clouds[name].loginEndpoint === loginEndpoint,
  );
  return known ?? { loginEndpoint };
}

/** Where the tenant's signing keys are published. */
export function signingKeysUrl(cloud: CloudEndpoints, tenantId: string): string {
  return `${cloud.loginEndpoint}/${tenantId}/discovery/v2.0/keys`;
}

/** Where the tenant's tokens are issued. */
export function tokenEndpoint(cloud: CloudEndpoints, tenantId: string): string {
  return `${cloud.loginEndpoint}/${tenantId}/oauth2/v2.0/token`;
}

/** Where the tenant's users sign in. */
export function authorizeEndpoint(cloud: CloudEndpoints, tenantId: string): string {
  return `${cloud.loginEndpoint}/${tenantId}/oauth2/v2.0/authorize`;
}

/** Where an administrator of the tenant grants consent for all users. */
export function adminConsentEndpoint(cloud: CloudEndpoints, tenantId: string): string {
  return `${cloud.loginEndpoint}/${tenantId}/v2.0/adminconsent`;
}

/**
 * The issuers a token of this tenant may name: the v2 form and the v1 form, which a resource chooses with
 * `requestedAccessTokenVersion`. Source: learn.microsoft.com, identity-platform/access-token-claims-reference.
 */
export function issuersOf(cloud: Required<CloudEndpoints>, tenantId: string): string[] {
  return [
    ...[cloud.loginEndpoint, ...cloud.issuerAliases].map((origin) => `${origin}/${tenantId}/v2.0`),
    `${cloud.stsEndpoint}/${tenantId}/`,
  ];
}

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a value is a GUID, as tenant, client and object ids are. */
export function isGuid(value: unknown): value is string {
  return typeof value === "string" && guid.test(value);
}

/**
 * A tenant id. Only a GUID: `common`, `organizations` and `consumers` are not tenants, and a domain name cannot be
 * compared with the `tid` of a token.
 */
export const tenantOption: OptionCheck<string> = check<string>(
  "text",
  "the tenant's id (a GUID)",
  isGuid,
  (value) =>
    typeof value === "string" && value !== "" ? 'Names such as "common" stand for no tenant.' : undefined,
);

/** The client id of an application. */
export const clientOption: OptionCheck<string> = check<string>("text", "a client id (a GUID)", isGuid);

/** What the verifier and links need to know of a confidential client. No credential, no network. */
export interface EntraAppFacts {
  /** The home tenant of the app, lower case. */
  readonly tenantId: string;
  /** The client id of the app, lower case. */
  readonly clientId: string;
  /** The tenants whose users are accepted, or the function that says so of each, with its memory. */
  readonly allowedTenants: readonly string[] | AskTenant;
  /** The audiences that a user token may have: the client id, `api://<client id>`, and those that were added. */
  readonly audiences: readonly string[];
  readonly cloud: Required<CloudEndpoints>;
}

/** The app, as the verifier and links need it. */
export const appFactsOption: OptionCheck<EntraAppFacts> = check<EntraAppFacts>(
  "object",
  "what entraApp() returned",
  ({ tenantId, clientId, allowedTenants, audiences, cloud }: EntraAppFacts) =>
    typeof tenantId === "string" &&
    typeof clientId === "string" &&
    (Array.isArray(allowedTenants) || isTenantDoor(allowedTenants)) &&
    Array.isArray(audiences) &&
    typeof cloud === "object" &&
    cloud !== null,
);

/**
 * Whether users of a tenant are accepted: at once for a list, and for a function whose answer is remembered. `tid` is a
 * GUID in lower case. Rejects with `tenants_unavailable`.
 */
export function allowsTenant(
  { allowedTenants }: Pick<EntraAppFacts, "allowedTenants">,
  tid: string,
): boolean | Promise<boolean> {
  return typeof allowedTenants === "function" ? allowedTenants(tid) : allowedTenants.includes(tid);
}
