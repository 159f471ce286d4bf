import { AsyncLocalStorage } from "node:async_hooks";
import type { ContextInternals } from "./internals.js";
import type { UserContext } from "./user-context.js";

/**
 * The one place that all copies of this package in a process share: a context set through one entry or one
 * install is seen by every other. The only module-level mutable state of the package.
 */
interface ContextSlot {
  readonly storage: AsyncLocalStorage<UserContext | undefined>;
  readonly internals: WeakMap<UserContext, ContextInternals>;
  readonly byRequest: WeakMap<object, UserContext>;
  /** Whose MCP client a pool is closing, by principal key. */
  readonly closing: AsyncLocalStorage<string>;
  /** Errors that were printed already. */
  readonly reported: WeakSet<object>;
}

const key: unique symbol = Symbol.for("hosted-agent-identity/context/1") as never;

/** The shared slot, made on first use. */
export function contextSlot(): ContextSlot {
  const place = globalThis as { [key]?: ContextSlot };
  place[key] ??= {
    storage: new AsyncLocalStorage(),
    internals: new WeakMap(),
    byRequest: new WeakMap(),
    closing: new AsyncLocalStorage(),
    reported: new WeakSet(),
  };
  return place[key];
}
