import { digest } from "../../sealing/digest.js";
import { HostedAgentIdentityError } from "../../errors.js";

/**
 * Whom one agent has named by a bare platform id, which nothing proves: the platform gives no proof that a
 * container could pass on. An agent that is taken over can name anybody whose id it knows, but not many at once
 * and not unnoticed.
 */
export interface NamedUsers {
  /** Whether this agent names the person for the first time. Throws `agent_names_too_many_users`. */
  name(principalKey: string): boolean;
  /** Counts a sign-out. Throws `agent_names_too_many_users`. */
  signOut(): void;
}

/** What an agent may do in a minute, unless configured otherwise. */
export const defaultNewUsersPerMinute = 300;
const signOutsPerMinute = 60;
const minuteMs = 60_000;
/** Of 22 characters each. Whoever is pushed out counts as new again. */
const maxKnown = 50_000;

/** Makes the memory of one agent in one process. */
export function namedUsers(newPerMinute: number, age: () => number): NamedUsers {
  const known = new Set<string>();
  const mayName = eachMinute(newPerMinute, age);
  const maySignOut = eachMinute(signOutsPerMinute, age);
  return {
    name(principalKey) {
      const id = digest(principalKey).slice(0, 22);
      if (known.delete(id)) {
        known.add(id);
        return false;
      }
      if (!mayName()) throw tooMany(`It may name ${newPerMinute} new people in a minute.`);
      known.add(id);
      if (known.size > maxKnown) known.delete(known.values().next().value ?? id);
      return true;
    },
    signOut() {
      if (!maySignOut()) throw tooMany(`It may sign ${signOutsPerMinute} people out in a minute.`);
    },
  };
}

/** Says yes so many times in a minute, counted from the first one. */
function eachMinute(most: number, age: () => number): () => boolean {
  let from = Number.NEGATIVE_INFINITY;
  let count = 0;
  return () => {
    const at = age();
    if (at - from >= minuteMs) [from, count] = [at, 0];
    if (count >= most) return false;
    count += 1;
    return true;
  };
}

function tooMany(message: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("agent_names_too_many_users", message, { retryAfterMs: minuteMs });
}
