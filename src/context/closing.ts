import { runWithoutUserContext } from "./ambient.js";
import { contextSlot } from "./user-context.js";

/**
 * Closes a principal's client outside any turn. There is no user context, so nothing can be acquired; the principal is
 * known, so that a cached token can end the session.
 */
export function runClosing<T>(principalKey: string, run: () => T): T {
  return contextSlot.closing.run(principalKey, () => runWithoutUserContext(run));
}

/** The principal whose client is being closed, if any. */
export function closingPrincipal(): string | undefined {
  return contextSlot.closing.getStore();
}
