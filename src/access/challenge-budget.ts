import { digest } from "../sealing/digest.js";
import { expiringMap } from "../async/bounded-map.js";

/** Recent refusals of the resource for each user, and the extra scopes that each user got. */
export interface ChallengeBudget {
  note(owner: string, token: string, demand: string): void;
  /** Whether this user's token was recently refused with this demand, although it was fetched to meet it. */
  has(owner: string, token: string, demand: string): boolean;
  /** Whether to request one more token because this one was refused with this demand. */
  mayAsk(owner: string, token: string, demand: string): boolean;
  /** Scopes that this user got beyond the resource's own. */
  grownScopes(owner: string): readonly string[];
  /** Remembers them; an empty list forgets. */
  grew(owner: string, scopes: readonly string[]): void;
  /** Forgets a user's refusals and scopes. The count of this minute's requests stays. */
  forget(owner: string): void;
}

/** As long as refusals of Entra that no user can end are remembered. */
const rememberedMs = 5_000;
const maxTokens = 10_000;
/** A token that has run out, more scopes and a second factor in one minute are three. */
const tokensPerMinute = 8;
const minuteMs = 60_000;
const maxOwners = 10_000;
const grownMs = 3_600_000;
/** In characters, for one user: a server must not fill memory. Longer scopes are fetched anew each time. */
const maxGrown = 2_048;

/**
 * Makes the budget of one access. Without it, a resource that refuses one user forever, or wants something else each
 * time, turns every retry of an agent into one more exchange, until Entra sees a loop (AADSTS50196) and this user has
 * to wait. Source: MCP 2026-07-28, authorization: clients step up with the
 * union of scopes, a few times at most, and keep track of upgrades that failed.
 *
 * Tokens and demands are the server's words, of any length: only their digests are kept. One user takes about
 * 3 kB at most, a token and its demand some 300 bytes.
 */
export function challengeBudget(age: () => number): ChallengeBudget {
  const refused = expiringMap<string>(rememberedMs, maxTokens, age);
  const asked = expiringMap<Set<string>>(minuteMs, maxOwners, age);
  const grown = expiringMap<readonly string[]>(grownMs, maxOwners, age);
  // A toolbox's token is the agent's own and serves all users: a refusal of one says nothing about another.
  const keyOf = (owner: string, token: string): string => `${owner} ${digest(token)}`;
  return {
    note: (owner, token, demand) => refused.set(keyOf(owner, token), digest(demand)),
    has: (owner, token, demand) => refused.get(keyOf(owner, token)) === digest(demand),
    mayAsk(owner, token, demand) {
      const known = asked.get(owner) ?? new Set<string>();
      const key = digest(demand, token);
      // Calls side by side are refused with one token, and get one token.
      if (known.has(key)) return true;
      if (known.size >= tokensPerMinute) return false;
      if (known.size === 0) asked.set(owner, known);
      known.add(key);
      return true;
    },
    grownScopes: (owner) => grown.get(owner) ?? [],
    grew(owner, scopes) {
      const length = scopes.reduce((sum, scope) => sum + scope.length, 0);
      grown.set(owner, length > maxGrown ? [] : scopes);
    },
    forget(owner) {
      refused.deleteWhere((key) => key.startsWith(`${owner} `));
      grown.deleteWhere((key) => key === owner);
    },
  };
}
