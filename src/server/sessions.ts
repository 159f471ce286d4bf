import { boundedMap } from "../async/bounded-map.js";
import { digest } from "../sealing/digest.js";

/** The owners of MCP sessions ("A session has one owner"): the SDKs' servers do not check them. */
export interface OpenSessions {
  /** Whether this principal opened the session on this server. */
  isOf(sessionId: string, principalKey: string): boolean;
  /** Notes the session that an answer opened. The first owner keeps it. */
  opened(sessionId: string, principalKey: string): void;
  ended(sessionId: string): void;
}

const maxSessions = 100_000;

/** Creates an empty, bounded record. The least recently used session makes room, and its client opens a new one. */
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
