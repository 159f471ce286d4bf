import { boundedMap } from "../async/bounded-map.js";
import { digest } from "../sealing/digest.js";

/** Who opened which MCP session, so that it stays theirs ("A session has one owner"): the SDKs' servers do not ask. */
export interface OpenSessions {
  /** Whether this principal opened the session here. One that nobody opened here is nobody's. */
  isOf(sessionId: string, principalKey: string): boolean;
  /** Notes the session that an answer opened. Whoever was first keeps it. */
  opened(sessionId: string, principalKey: string): void;
  ended(sessionId: string): void;
}

const maxSessions = 100_000;

/** Makes an empty record, bounded: the session that was used longest ago goes first, and its client opens another. */
export function openSessions(max: number = maxSessions): OpenSessions {
  const owners = boundedMap<string, string>(max);
  return {
    isOf(sessionId, principalKey) {
      const key = digest(sessionId);
      if (owners.get(key) !== principalKey) return false;
      // Set again, which makes it the newest.
      owners.set(key, principalKey);
      return true;
    },
    opened(sessionId, principalKey) {
      const key = digest(sessionId);
      if (!owners.has(key)) owners.set(key, principalKey);
    },
    ended: (sessionId) => void owners.delete(digest(sessionId)),
  };
}
