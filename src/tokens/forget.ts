import { liveInternalsOf } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import type { AcquirerState } from "./acquirer-state.js";

/** Drops one token of a context's user, or without one everything. Throws `context_ended`. */
export function forget(state: AcquirerState, context: UserContext, token: string | undefined): void {
  const { uncached, options } = state;
  const { principalKey } = context;
  liveInternalsOf(context);
  if (token === undefined || uncached.get(context)?.token === token) uncached.delete(context);
  if (principalKey === undefined) return;
  for (const source of options.sources) source.forget?.(principalKey, token);
  if (token === undefined) forgetPrincipal(state, principalKey);
  else forgetToken(state, context, principalKey, token);
}

/**
 * The user signed in or out, or the host said to forget: nothing that was given, refused or is being fetched holds
 * any more.
 */
export function forgetPrincipal(state: AcquirerState, principalKey: string): void {
  const { forgotten, inFlight, options, cache, calls, recentErrors } = state;
  forgotten.add(principalKey);
  inFlight.forgetPrincipal(principalKey);
  options.onForget?.(principalKey);
  cache.deletePrincipal(principalKey);
  calls.forgetPrincipal(principalKey);
  recentErrors.deleteWhere((key) => key.startsWith(`${principalKey} `));
}

function forgetToken(state: AcquirerState, context: UserContext, principalKey: string, token: string): void {
  const { cache, calls, inFlight, recentlyRejectedKeys } = state;
  const { cacheKeys, assertion } = liveInternalsOf(context);
  inFlight.forgetToken(principalKey, token);
  calls.forgetToken({ context, assertion }, token);
  const key = cacheKeys.get(state);
  const isCurrent = typeof key === "string" && cache.get(key)?.token.token === token;
  cache.deleteToken(principalKey, token);
  if (isCurrent && calls.shared) recentlyRejectedKeys.set(key, true);
}
