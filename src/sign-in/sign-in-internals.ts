import type { Principal } from "../context/principal.js";
import type { SignedIn } from "../exchange/authorization-code-exchange.js";
import type { SignInContext } from "./sign-in-context.js";
import type { LinkKeys } from "./link/agents.js";
import type { Phrases } from "./binding/answer.js";
import type { Account, Grants } from "./grants/grant.js";
import type { Look } from "./pages/layout.js";
import type { Language } from "./texts/languages.js";

/** What the pages and the binding share. Each `createSignIn()` has one. */
export interface SignInInternals {
  /** Under the name of this process's own agent. */
  readonly core: SignInContext;
  readonly linkKeys: LinkKeys;
  /** How the pages look, and which languages they speak. */
  readonly look: Look;
  readonly languages: readonly Language[];
  /** What people may answer with. */
  readonly answers: Phrases;
  /** The same for the agent that a ticket names: its records are bound to its name. */
  coreOf(agent: string): SignInContext;
  grantsOf(agent: string): Grants;
  /** Called after a user has signed in and still has to type the code. What it throws is ignored. */
  readonly onPending: ((event: SignInPending) => void) | undefined;
  /** Called after a grant was stored. What it throws is ignored. */
  readonly onSignedIn: ((event: SignInBound) => void) | undefined;
}

/**
 * A sign-in at Entra whose code the user still has to type into the chat.
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

/** The result of a sign-in at Entra, before it is known to be the principal's account. */
export type Arrived = SignedIn;
