import type { Principal } from "../context/principal.js";
import type { SignedIn } from "../exchange/authorization-code-exchange.js";
import type { SignInContext } from "./sign-in-context.js";
import type { LinkKeys } from "./link/agents.js";
import type { Account, Grants } from "./grants/grant.js";

/** What the pages and the binding share: one for each `createSignIn()`. */
export interface SignInInternals {
  /** Under the name of this process's own agent. */
  readonly core: SignInContext;
  readonly linkKeys: LinkKeys;
  /** The same for the agent that a ticket names: its records are bound to its name. */
  coreOf(agent: string): SignInContext;
  grantsOf(agent: string): Grants;
  /** Told after somebody has signed in and still has to type the code. What it throws is ignored. */
  readonly onPending: ((event: SignInPending) => void) | undefined;
  /** Told after a grant was stored. What it throws is ignored. */
  readonly onSignedIn: ((event: SignInBound) => void) | undefined;
}

/**
 * Somebody has signed in, and the chat still has to say that it was its own user.
 * @group Sign-in
 */
export interface SignInPending {
  readonly agent: string;
  readonly principal: Principal;
  readonly serverLabel: string;
}

/**
 * A sign-in was stored for a principal.
 * @group Sign-in
 */
export interface SignInBound extends SignInPending {
  readonly account: Account;
}

/** What a sign-in brought, as long as it is not known to be the principal's. */
export type Arrived = SignedIn;
