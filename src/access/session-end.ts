import { closingPrincipal } from "../context/closing.js";
import type { UserContext } from "../context/user-context.js";
import type { Acquirer } from "../tokens/acquire.js";
import type { AccessToken } from "../tokens/token-source.js";
import { readHeader } from "./request-headers.js";
import { ownerOf, type SessionOwners } from "./sessions.js";

/**
 * The token for the one request that may be sent outside a turn: it ends an MCP session. A pool that closes a
 * client ends the session of the client's own user; a run whose response has ended (`ended`) closes the client
 * that it opened. The token is one that is still at hand: nothing is acquired. Rule 13.
 */
export function sessionEndToken(
  acquirer: Pick<Acquirer, "cached" | "heldFor">,
  sessions: SessionOwners | undefined,
  request: RequestInit,
  ended: UserContext | undefined,
): AccessToken | undefined {
  const sessionId = readHeader(request.headers, "mcp-session-id");
  if (request.method !== "DELETE" || sessionId === undefined) return undefined;
  if (ended !== undefined) {
    sessions?.check(sessionId, ownerOf(ended));
    return acquirer.heldFor(ended);
  }
  const principal = closingPrincipal();
  if (principal === undefined) return undefined;
  sessions?.check(sessionId, principal);
  return acquirer.cached(principal);
}
