import { runWithoutUserContext } from "./ambient.js";
import { contextSlot } from "./slot.js";

/**
 * Runs the closing of a principal's client outside any turn: with no user context, so that nothing can be
 * acquired, but known to be for that principal, so that a session may be ended with a token that is still
 * cached.
 */
export function runClosing<T>(principalKey: string, run: () => T): T {
  return contextSlot().closing.run(principalKey, () => runWithoutUserContext(run));
}

/** Whose client is being closed here, if any. */
export function closingPrincipal(): string | undefined {
  return contextSlot().closing.getStore();
}
