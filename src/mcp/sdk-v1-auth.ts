import type { UserAccess } from "../access/types.js";
import { HostedAgentIdentityError } from "../errors.js";
import { resourceUnauthorizedCauses } from "../errors/causes/resource.js";
import { accessOption, currentTokens } from "./current-tokens.js";

/** `OAuthClientProvider` of `@modelcontextprotocol/sdk`, as far as it is used here. */
export interface SdkV1AuthProvider {
  readonly redirectUrl: undefined;
  readonly clientMetadata: { readonly client_name: string; redirect_uris: string[] };
  /** The current user's token. Throws whatever `access.token()` throws; never resolves to nothing. */
  tokens(): Promise<{ access_token: string; token_type: string }>;
  /** Throws `resource_unauthorized`: nothing is registered anywhere. */
  clientInformation(): never;
  /** Throws `resource_unauthorized`: nothing is stored. */
  saveTokens(): never;
  /** Throws `resource_unauthorized`: nobody is sent anywhere. */
  redirectToAuthorization(): never;
  /** Throws `resource_unauthorized`. */
  saveCodeVerifier(): never;
  /** Throws `resource_unauthorized`. */
  codeVerifier(): never;
  /** Throws `resource_unauthorized`, which ends the SDK's own OAuth flow before its first request. */
  discoveryState(): never;
}

/**
 * A user access as the `authProvider` of SDK v1's transports, for hosts that take no `fetch` (LangChain's
 * `MultiServerMCPClient`). It acts as the user of the current context. The SDK's own OAuth flow would visit
 * whatever authorization server the MCP server names, so it is ended before its first request: a 401 or 403
 * drops the refused token and fails the call with `resource_unauthorized`; the next call gets a fresh token.
 *
 * Give the transport `access.fetch` instead wherever you can. An auth provider sees neither the URL of a
 * request nor its MCP session, so it cannot stop a token from going to another resource, follow a claims
 * challenge, or refuse another user's session: use it only with clients of {@link mcpClientPool}, and with
 * the access's own `url`. `tokens()` throws `no_user_context`, `context_ended` and what `access.token()` throws.
 *
 * Entry point: `hosted-agent-identity`.
 *
 * @example
 * ```ts
 * import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
 * import { sdkV1Auth, type UserAccess } from "hosted-agent-identity";
 *
 * export const transportFor = (contacts: UserAccess): StreamableHTTPClientTransport =>
 *   new StreamableHTTPClientTransport(contacts.url, { authProvider: sdkV1Auth(contacts) });
 * ```
 * @group MCP
 */
export function sdkV1Auth(access: UserAccess): SdkV1AuthProvider {
  accessOption.read(access, "sdkV1Auth: access");
  const tokens = currentTokens(access);
  return {
    redirectUrl: undefined,
    clientMetadata: { client_name: "hosted-agent-identity", redirect_uris: [] },
    tokens: async () => ({ access_token: await tokens.give(), token_type: "Bearer" }),
    clientInformation: refuse,
    saveTokens: refuse,
    redirectToAuthorization: refuse,
    saveCodeVerifier: refuse,
    codeVerifier: refuse,
    // The first thing the SDK's auth() calls (1.32.2), on a 401 and on a 403 that asks for more scopes.
    discoveryState() {
      tokens.drop();
      return refuse();
    },
  };
}

function refuse(): never {
  throw new HostedAgentIdentityError(
    "resource_unauthorized",
    "The resource refused the user's token, and this auth provider signs nobody in by itself.",
    resourceUnauthorizedCauses.sdkV1Auth,
  );
}
