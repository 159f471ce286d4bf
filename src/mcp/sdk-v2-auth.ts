import type { UserAccess } from "../access/types.js";
import { accessOption, currentTokens } from "./current-tokens.js";

/** `AuthProvider` of `@modelcontextprotocol/client`, as far as it is used here. */
export interface SdkV2AuthProvider {
  /** The current user's token. Throws whatever `access.token()` throws; never resolves to nothing. */
  token(): Promise<string>;
  /** Drops the token that was refused, so that the SDK's one retry gets a fresh one. */
  onUnauthorized(): Promise<void>;
}

/**
 * A user access as the `authProvider` of SDK v2's transports, for hosts that take no `fetch`. It acts as the
 * user of the current context, and visits no URL that a server names in its challenge.
 *
 * Give the transport `access.fetch` instead wherever you can. An auth provider sees neither the URL of a
 * request nor its MCP session, so it cannot stop a token from going to another resource, follow a claims
 * challenge, or refuse another user's session: use it only with clients of {@link mcpClientPool}, and with
 * the access's own `url`. Its methods throw `no_user_context`, `context_ended` and what `access.token()` throws.
 *
 * Entry point: `hosted-agent-identity`.
 *
 * @example
 * ```ts
 * import { StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
 * import { sdkV2Auth, type UserAccess } from "hosted-agent-identity";
 *
 * export const transportFor = (contacts: UserAccess): StreamableHTTPClientTransport =>
 *   new StreamableHTTPClientTransport(contacts.url, { authProvider: sdkV2Auth(contacts) });
 * ```
 * @group MCP
 */
export function sdkV2Auth(access: UserAccess): SdkV2AuthProvider {
  accessOption.read(access, "sdkV2Auth: access");
  const tokens = currentTokens(access);
  return {
    token: () => tokens.give(),
    onUnauthorized: async () => tokens.drop(),
  };
}
