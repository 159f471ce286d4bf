import { closingPrincipal } from "../context/closing.js";
import type { UserContext } from "../context/user-context.js";
import type { Acquirer } from "../tokens/acquire.js";
import type { AccessToken } from "../sources/token-source.js";
import type { OutgoingInit } from "./outgoing-request.js";
import { ownerOf, sessionIdsOf, type SessionOwners } from "./sessions.js";

/**
 * The token for the one request that may be sent outside a turn: it ends an MCP session. A pool that closes a
 * client ends the session of the client's own user; a run whose response has ended (`ended`) closes the client
 * that it opened. The token is one that is still at hand: a context that has ended acquires nothing.
 */
export function sessionEndToken(
  acquirer: Pick<Acquirer, "cached" | "heldFor">,
  sessions: SessionOwners | undefined,
  request: OutgoingInit,
  ended: UserContext | undefined,
): AccessToken | undefined {
  const sessionIds = sessionIdsOf(request.headers);
  if (request.method !== "DELETE" || sessionIds.length === 0) return undefined;
  const owner = ended === undefined ? closingPrincipal() : ownerOf(ended);
  if (owner === undefined) return undefined;
  for (const id of sessionIds) sessions?.check(id, owner);
  return ended === undefined ? acquirer.cached(owner) : acquirer.heldFor(ended);
}
