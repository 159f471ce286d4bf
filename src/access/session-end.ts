import { closingPrincipal } from "../context/closing.js";
import type { Acquirer } from "../tokens/acquire.js";
import type { AccessToken } from "../tokens/token-source.js";
import { readHeader } from "./request-headers.js";
import type { SessionOwners } from "./sessions.js";

/**
 * The token for the one request that may be sent outside a turn: a pool that closes a client ends the MCP
 * session of the client's own user, with a token that is still cached. It acquires nothing. Rule 13.
 */
export function sessionEndToken(
  acquirer: Pick<Acquirer, "cached">,
  sessions: SessionOwners | undefined,
  request: RequestInit,
): AccessToken | undefined {
  const principal = closingPrincipal();
  const sessionId = readHeader(request.headers, "mcp-session-id");
  if (principal === undefined || request.method !== "DELETE" || sessionId === undefined) return undefined;
  sessions?.check(sessionId, principal);
  return acquirer.cached(principal);
}
