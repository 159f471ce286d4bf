/** The network that everybody measured gets: Entra's own address, led to the loopback endpoint. */
export interface Network {
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /** Milliseconds spent waiting for the endpoint so far. Means something for one call at a time only. */
  spentMs(): number;
}

/**
 * MSAL takes https authorities only, and knows this one without asking for metadata: so all three clients
 * are configured for it and none makes a discovery call.
 */
export const authority = "https://login.microsoftonline.com";

export function networkTo(origin: string): Network {
  let spent = 0;
  return {
    async fetch(input, init) {
      const url = input instanceof Request ? input.url : String(input);
      if (!url.startsWith(`${authority}/`)) throw new Error(`unexpected request to ${JSON.stringify(url)}`);
      const started = performance.now();
      const response = await fetch(origin + url.slice(authority.length), init);
      const body = await response.text();
      spent += performance.now() - started;
      return new Response(body, { status: response.status, headers: response.headers });
    },
    spentMs: () => spent,
  };
}
