import { boundedMap } from "../../async/bounded-map.js";
import { digest } from "../../sealing/digest.js";
import { HostedAgentIdentityError } from "../../errors.js";

/**
 * The users that one agent has named by a platform id alone. The platform gives the container no proof that it could
 * pass on, so a compromised agent can name any user whose id it knows. These limits keep it from naming many at
 * once, and events make it visible.
 */
export interface NamedUsers {
  /** Whether this agent names the user for the first time. Throws `agent_names_too_many_users`. */
  name(principalKey: string): boolean;
  /** Counts a sign-out. Throws `agent_names_too_many_users`. */
  signOut(): void;
}

/** How many users an agent may name in a minute, and how many it may sign out. */
export const defaultNewUsersPerMinute = 300;
const signOutsPerMinute = 60;
const minuteMs = 60_000;
/** Of 22 characters each. A user who is dropped counts as new again. */
const maxKnown = 50_000;

/** The memory of one agent in one process. */
export function namedUsers(newPerMinute: number, age: () => number): NamedUsers {
  const known = boundedMap<string, true>(maxKnown);
  const mayName = eachMinute(newPerMinute, age);
  const maySignOut = eachMinute(signOutsPerMinute, age);
  return {
    name(principalKey) {
      const id = digest(principalKey).slice(0, 22);
      const isNew = !known.has(id);
      if (isNew && !mayName()) throw tooMany(`It may name ${newPerMinute} new users in a minute.`);
      known.set(id, true);
      return isNew;
    },
    signOut() {
      if (!maySignOut()) throw tooMany(`It may sign ${signOutsPerMinute} users out in a minute.`);
    },
  };
}

/** Returns `true` at most `most` times in a minute, counted from the first call. */
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
