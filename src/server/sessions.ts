/** Who opened which MCP session. Rule 15, at the other end: the SDKs' servers do not ask. */
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
  const owners = new Map<string, string>();
  return {
    isOf(sessionId, principalKey) {
      if (owners.get(sessionId) !== principalKey) return false;
      owners.delete(sessionId);
      owners.set(sessionId, principalKey);
      return true;
    },
    opened(sessionId, principalKey) {
      if (owners.has(sessionId)) return;
      owners.set(sessionId, principalKey);
      const [oldest = sessionId] = owners.keys();
      if (owners.size > max) owners.delete(oldest);
    },
    ended: (sessionId) => void owners.delete(sessionId),
  };
}
