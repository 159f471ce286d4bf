import { AsyncLocalStorage } from "node:async_hooks";
import { HostedAgentIdentityError } from "../errors.js";
import type { ContextInternals } from "./state.js";

/**
 * The one place that all copies of this package in a process share: a context set through one entry or one
 * install is seen by every other. The only module-level mutable state of the package.
 */
interface ContextSlot<Context> {
  readonly storage: AsyncLocalStorage<Context | undefined>;
  readonly internals: WeakMap<object, ContextInternals>;
  readonly byRequest: WeakMap<object, Context>;
  /** Whose MCP client a pool is closing, by principal key. */
  readonly closing: AsyncLocalStorage<string>;
  /** Errors that were printed already. */
  readonly reported: WeakSet<object>;
}

const key: unique symbol = Symbol.for("hosted-agent-identity/context/1") as never;

/** The shared slot, made on first use. Whoever takes a context out of it says what that is: `UserContext`. */
export function contextSlot<Context = object>(): ContextSlot<Context> {
  const place = globalThis as { [key]?: ContextSlot<Context> };
  place[key] ??= {
    storage: new AsyncLocalStorage(),
    internals: new WeakMap(),
    byRequest: new WeakMap(),
    closing: new AsyncLocalStorage(),
    reported: new WeakSet(),
  };
  return place[key];
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
