import { HostedAgentIdentityError } from "../errors.js";

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

/** The name of a cloud of Microsoft, or the endpoints of another one (the emulator, for example). */
export type Cloud = CloudName | CloudEndpoints;
export type CloudName = "global" | "us_gov" | "china";

/**
 * Microsoft's clouds. Apps are registered per cloud, and a confidential client of one cannot sign in to
 * another. Source: learn.microsoft.com, identity-platform/authentication-national-cloud and
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

/** The endpoints of a cloud, checked. Throws `invalid_option` for an endpoint that is not an https origin. */
export function cloudEndpoints(cloud: Cloud = "global"): Required<CloudEndpoints> {
  if (typeof cloud === "string") {
    const known = Object.hasOwn(clouds, cloud) ? clouds[cloud] : undefined;
    if (known === undefined) {
      throw new HostedAgentIdentityError(
        "invalid_option",
        `cloud: ${JSON.stringify(cloud)} is not one of ${Object.keys(clouds).join(", ")}.`,
      );
    }
    return known;
  }
  const loginEndpoint = secureOrigin("cloud.loginEndpoint", cloud.loginEndpoint);
  return {
    loginEndpoint,
    stsEndpoint:
      cloud.stsEndpoint === undefined ? loginEndpoint : secureOrigin("cloud.stsEndpoint", cloud.stsEndpoint),
    issuerAliases: (cloud.issuerAliases ?? []).map((alias) => secureOrigin("cloud.issuerAliases", alias)),
    tokenExchangeAudience: cloud.tokenExchangeAudience ?? clouds.global.tokenExchangeAudience,
  };
}

function secureOrigin(option: string, value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !isSecureUrl(url) || url.pathname !== "/" || url.search !== "") {
    throw new HostedAgentIdentityError(
      "invalid_option",
      `${option}: expected an https origin (http only for a loopback host), got ${JSON.stringify(value)}.`,
    );
  }
  return url.origin;
}

/**
 * The cloud that an authority host names, as in the environment variable `AZURE_AUTHORITY_HOST` of the Azure
 * SDKs: one of Microsoft's, or another one's endpoint. Throws `invalid_option`.
 */
export function cloudOfAuthorityHost(host: string | undefined): Cloud {
  if (host === undefined || host === "") return "global";
  const loginEndpoint = secureOrigin("AZURE_AUTHORITY_HOST", host.includes("://") ? host : `https://${host}`);
  const known = (Object.keys(clouds) as CloudName[]).find(
    (name) => clouds[name].loginEndpoint === loginEndpoint,
  );
  return known ?? { loginEndpoint };
}

/** Whether a URL may be given a secret: https, or http on a loopback host, and without user information. */
export function isSecureUrl({ protocol, hostname, username, password }: URL): boolean {
  const secure = protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
  return secure && username === "" && password === "";
}

/** Whether a host name of a parsed URL names this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
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

/** Where an administrator of the tenant consents for everybody. */
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
