import { shortMemory } from "../tokens/short-memory.js";

/** Fresh tokens that the resource refused all the same. */
export interface FreshRefusals {
  note(owner: string, token: string, demand: string): void;
  /** Whether this token was got for this person to meet this demand, and refused with it, a moment ago. */
  has(owner: string, token: string, demand: string): boolean;
}

/** As long as refusals of Entra that no user can end are remembered. */
const rememberedMs = 5_000;
const maxTokens = 1_000;

/**
 * Makes the memory of one access. Without it, a resource that refuses one user for ever turns every call of an
 * agent that tries again into one more exchange, until Entra sees a loop (AADSTS50196) and everybody waits.
 * Source: MCP 2026-07-28, authorization: clients should keep track of scope upgrades that failed.
 */
export function freshRefusals(now: () => number): FreshRefusals {
  const refused = shortMemory<string>(rememberedMs, maxTokens, now);
  // A toolbox's token is the agent's own and serves everybody: what one user is refused says nothing of another.
  const keyOf = (owner: string, token: string): string => `${owner} ${token}`;
  return {
    note: (owner, token, demand) => refused.set(keyOf(owner, token), demand),
    has: (owner, token, demand) => refused.get(keyOf(owner, token)) === demand,
  };
}
