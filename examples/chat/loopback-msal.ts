/**
 * Lets MSAL's sign-in speak to the emulator. MSAL takes https authorities only, and the emulator speaks
 * http on loopback: MSAL is told https, and the network puts http back. Real back ends need nothing of it.
 */
import type { Configuration, INetworkModule, NetworkRequestOptions, NetworkResponse } from "@azure/msal-node";

export interface LoopbackMsal {
  readonly msal: Configuration;
  /** The address for the browser, which would not find anybody at https. */
  readonly browserUrl: (url: string) => string;
}

export interface LoopbackMsalOptions {
  readonly origin: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly fetch: typeof fetch;
}

export function loopbackMsal(options: LoopbackMsalOptions): LoopbackMsal {
  const { origin, tenantId, clientId, clientSecret } = options;
  const secured = origin.replace(/^http:/, "https:");
  const authority = `${secured}/${tenantId}`;
  const original = (url: string): string =>
    url.startsWith(`${secured}/`) ? origin + url.slice(secured.length) : url;

  async function send<T>(
    method: string,
    url: string,
    request: NetworkRequestOptions = {},
  ): Promise<NetworkResponse<T>> {
    const { headers = {}, body } = request;
    const response = await options.fetch(original(url), {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: (await response.json()) as T,
    };
  }
  const networkClient: INetworkModule = {
    sendGetRequestAsync: (url, request) => send("GET", url, request),
    sendPostRequestAsync: (url, request) => send("POST", url, request),
  };
  const metadata = {
    authorization_endpoint: `${authority}/oauth2/v2.0/authorize`,
    token_endpoint: `${authority}/oauth2/v2.0/token`,
    issuer: `${authority}/v2.0`,
    jwks_uri: `${authority}/discovery/v2.0/keys`,
  };
  return {
    msal: {
      auth: {
        clientId,
        clientSecret,
        authority,
        knownAuthorities: [new URL(secured).host],
        authorityMetadata: JSON.stringify(metadata),
      },
      system: { networkClient },
    },
    browserUrl: original,
  };
}
