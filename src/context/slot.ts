import { AsyncLocalStorage } from "node:async_hooks";
import { HostedAgentIdentityError } from "../errors.js";
import { processState } from "./process-state.js";
import type { ContextInternals } from "./state.js";

/**
 * What all copies of this package in a process share of user contexts: a context that is set through one entry or
 * one install is seen by every other. Beside it stands only the state of Entra apps (`exchange/entra-app.ts`); the
 * command line, which runs alone in its process, keeps the secrets it hides.
 */
interface ContextSlot<Context> {
  readonly storage: AsyncLocalStorage<Context | undefined>;
  readonly internals: WeakMap<object, ContextInternals>;
  readonly byRequest: WeakMap<object, Context>;
  /** The principal key of the user whose MCP client a pool is closing. */
  readonly closing: AsyncLocalStorage<string>;
  /** Errors that were printed already. */
  readonly reported: WeakSet<object>;
}

const slot: ContextSlot<never> = processState("context/1", () => ({
  storage: new AsyncLocalStorage(),
  internals: new WeakMap(),
  byRequest: new WeakMap(),
  closing: new AsyncLocalStorage(),
  reported: new WeakSet(),
}));

/** The slot of this process. The caller names the type of its contexts: `UserContext`. */
export function contextSlot<Context = object>(): ContextSlot<Context> {
  return slot as unknown as ContextSlot<Context>;
}

/** What is kept beside a context made by this package. Throws `invalid_option` for anything else. */
export function keptBeside(context: object): ContextInternals {
  const internals = contextSlot().internals.get(context);
  if (internals === undefined) {
    throw new HostedAgentIdentityError(
      "invalid_option",
      "This is not a user context of this package (a copy or a spread of one holds no identity).",
    );
  }
  return internals;
}
