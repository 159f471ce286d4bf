import {
  clientSecret,
  entraApp,
  onBehalfOf,
  protectedResource,
  runWithUserContext,
  userAccess,
  type ClientCredential,
  type EntraApp,
  type ProtectedResource,
  type TokenSource,
  type UserAccess,
  type UserContext,
} from "hosted-agent-identity";
import type { Network } from "./network.js";
import { agentApp, jwt, mcpApp, scope, tenant } from "./people.js";

export const resource: ProtectedResource = protectedResource({
  url: "https://contacts.example.com/mcp",
  serverLabel: "contacts",
  scopes: [scope],
  audiences: [mcpApp],
});

/** A request as the MCP SDKs' transports give it to `fetch`. */
export const init: RequestInit = {
  method: "POST",
  headers: new Headers({
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    "mcp-protocol-version": "2025-11-25",
  }),
  body: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","arguments":{}}}',
};

const answer = Promise.resolve(new Response(null, { status: 202 }));

/** The no-op transport: what it costs is measured beside everything that uses it. */
export const noTransport = (_url: string | URL | Request, _init?: RequestInit): Promise<Response> => answer;

export function app(network: Network, credential: ClientCredential = clientSecret("bench-secret")): EntraApp {
  return entraApp({ tenantId: tenant, clientId: agentApp, credential, fetch: network.fetch });
}

/** Access through the real exchange, with room for every user measured. */
export function access(source: TokenSource): UserAccess {
  return userAccess(resource, [source], {
    fetch: noTransport,
    cache: { maxEntries: 200_000, maxBytes: 1024 ** 3 },
  });
}

/** A source that is like on-behalf-of in everything but the network: for filling the cache with many users. */
export function withoutNetwork(source: TokenSource): TokenSource {
  return {
    ...source,
    acquire: async ({ context }) => ({
      status: "token",
      token: {
        token: jwt({ oid: context.user?.oid, tid: tenant, scp: "access_as_user" }),
        expiresAt: Date.now() + 3_600_000,
        source: source.kind,
      },
    }),
  };
}

/** A source that fills the cache without the network until `real` is called, and exchanges from then on. */
export function fillable(entra: EntraApp): { readonly source: TokenSource; real(): void } {
  const exchange = onBehalfOf(entra);
  const canned = withoutNetwork(exchange);
  let current = canned;
  return {
    source: { ...exchange, acquire: (request) => current.acquire(request) },
    real: () => void (current = exchange),
  };
}

/** One call as a tool of an agent makes it. */
export function call(contacts: UserAccess, context: UserContext): Promise<Response> {
  return runWithUserContext(context, () => contacts.fetch(resource.url, init));
}
