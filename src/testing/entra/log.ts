/**
 * One request the emulator received, and how it ended. No token, code or secret is kept.
 *
 * @group Test kit
 */
export interface EntraRequest {
  /** Milliseconds since 1970, by the emulator's clock. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  /** The tenant's id, if the path named a known one. */
  tenant?: string;
  /** `grant_type`, with "on_behalf_of" for the jwt-bearer grant and "managed_identity" for that endpoint. */
  grantType?: string;
  /** Name of the app that asked, or the client id it gave. */
  client?: string;
  /** How the client proved itself: "secret", "certificate", "federated" or "none". */
  clientAuth?: string;
  /** The person's name, as far as the request could be understood. */
  user?: string;
  /** The person's object id in the tenant. */
  oid?: string;
  scopes?: readonly string[];
  /** Name of the app the token is for. */
  resource?: string;
  /** `aud` of the user's assertion. */
  assertionAudience?: string;
  /** What was sent: form and query fields; what must not be seen reads "[redacted]". */
  params?: Readonly<Record<string, string>>;
  /** Headers that libraries add for Entra: `client-request-id`, `x-client-sku` and so on. */
  headers?: Readonly<Record<string, string>>;
  /** 0 while it is open, and for a connection that was cut. */
  status: number;
  error?: string;
  errorCodes?: readonly number[];
}

/** The fields that may be seen; a field nobody thought of is a secret until somebody did. */
const shown =
  /^(grant_type|client_id|client_assertion_type|requested_token_use|scope|resource|claims|tenant|redirect_uri|response_(type|mode)|prompt|login_hint|domain_hint|code_challenge(_method)?|client_info|client-request-id|x-client-.*|x-ms-lib-capability|fmi_path|api-version|principal_id|object_id|m(s)?i_res_id|account|approve|consent|cancel|everybody|post_logout_redirect_uri|authorization_endpoint)$/;
const headers =
  /^(client-request-id|x-client-.*|x-ms-lib-capability|x-anchormailbox|user-agent|origin|content-type)$/;
const kept = 20_000;

export interface RequestLog {
  readonly entries: EntraRequest[];
  start(entry: EntraRequest): EntraRequest;
}

export function createLog(): RequestLog {
  const entries: EntraRequest[] = [];
  return {
    entries,
    start: (entry) => {
      entries.push(entry);
      if (entries.length > kept) entries.splice(0, entries.length - kept);
      return entry;
    },
  };
}

/** The fields of a request with everything that is not known to be harmless replaced. */
export function redactedParams(params: URLSearchParams): Record<string, string> {
  return Object.fromEntries([...params].map(([key, value]) => [key, shown.test(key) ? value : "[redacted]"]));
}

export function loggedHeaders(all: NodeJS.Dict<string | string[]>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(all).filter(
      (header): header is [string, string] => headers.test(header[0]) && typeof header[1] === "string",
    ),
  );
}
