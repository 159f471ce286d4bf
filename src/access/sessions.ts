import { boundedMap } from "../async/bounded-map.js";
import { digest } from "../sealing/digest.js";
import type { UserContext } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";

/** The owners of MCP sessions: a session belongs to the principal that opened it. */
export interface SessionOwners {
  /** Throws `shared_session` when the session belongs to another principal; an unknown one becomes this one's. */
  check(sessionId: string, principal: string): void;
  /** Notes the session that an answer opened. */
  opened(sessionId: string, principal: string): void;
  ended(sessionId: string): void;
}

const maxSessions = 100_000;

/** Makes an empty, bounded record of sessions, by the digest of their ids: an id is the server's, of any length. */
export function sessionOwners(): SessionOwners {
  const owners = boundedMap<string, string>(maxSessions);
  return {
    check(sessionId, principal) {
      const key = digest(sessionId);
      const owner = owners.get(key);
      if (owner === undefined) owners.set(key, principal);
      else if (owner !== principal) throw new HostedAgentIdentityError("shared_session");
    },
    opened(sessionId, principal) {
      const key = digest(sessionId);
      if (!owners.has(key)) owners.set(key, principal);
    },
    ended: (sessionId) => void owners.delete(digest(sessionId)),
  };
}

/**
 * The sessions that a request names. One header that was given several times goes out as one, and a server may take any
 * of its values. Source: MCP 2025-11-25, transports: an id has visible ASCII characters only.
 */
export function sessionIdsOf(headers: Readonly<Record<string, string>>): readonly string[] {
  const sent = headers["mcp-session-id"];
  if (sent === undefined) return none;
  return sent.includes(",") ? [sent, ...sent.split(",").map((one) => one.trim())] : [sent];
}

const none: readonly string[] = [];

/**
 * The owner of a session: the principal, else the platform's caller, else this request. Without any of them, outside
 * the hosted environment, it is the developer.
 */
export function ownerOf(context: UserContext | undefined): string {
  if (context?.principalKey !== undefined) return context.principalKey;
  const { userId, callId } = context?.platform ?? {};
  if (userId !== undefined) return JSON.stringify(["platform", userId]);
  return callId === undefined ? "null" : JSON.stringify(["request", callId]);
}
