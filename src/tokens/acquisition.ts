import { isSignInDemand, recordConsent, recordSignInDemand } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import {
  isConsentRequiredError,
  isHostedAgentIdentityError,
  isTokenExchangeError,
  type HostedAgentIdentityError,
} from "../errors.js";
import { emit } from "../events/events.js";
import type { AccessToken } from "../sources/token-source.js";
import { requestOf, type AcquireOptions, type AcquirerState } from "./acquirer-state.js";
import type { MayKeep } from "./flights.js";
import type { AcceptShared } from "./shared-cache.js";
import type { ContextInternals } from "../context/state.js";

/** One token that is being fetched: for whom, what was asked, and where it is kept. */
export interface Acquisition {
  readonly context: UserContext;
  readonly internals: ContextInternals;
  readonly asked: AcquireOptions;
  /** The full cache key: principal, resource, sources, user token, and what was asked beyond that. */
  readonly key: string;
  /** Which tokens of the shared cache will do. */
  readonly accept: AcceptShared;
}

/** Errors of these kinds hold for the rest of the turn: asking again would only ask the user again. */
const turnCategories: ReadonlySet<string> = new Set(["consent", "signin", "stepup"]);
/** Errors of these kinds are remembered for some seconds, so that a retrying agent does not hammer Entra. */
const briefCategories: ReadonlySet<string> = new Set(["blocked", "admin", "config", "cred"]);

/** One acquisition for each full key: whoever asks meanwhile waits for the same one. */
export function shareAcquisition(state: AcquirerState, acquisition: Acquisition): Promise<AccessToken> {
  const { principalKey } = acquisition.context;
  if (principalKey === undefined) return fetchToken(state, acquisition, () => true);
  return state.inFlight.join(principalKey, acquisition.key, (mayKeep) =>
    fetchToken(state, acquisition, mayKeep),
  );
}

async function fetchToken(
  state: AcquirerState,
  { context, internals, asked, key, accept }: Acquisition,
  mayKeep: MayKeep,
): Promise<AccessToken> {
  const { cache, options, recentErrors, uncached } = state;
  const { principalKey } = context;
  try {
    const token = await state.calls.token(requestOf(state, context, internals, asked), accept, mayKeep);
    // Forgotten while it was fetched: only those who waited for it get it.
    if (!mayKeep(token.token)) return token;
    const isCached = options.sources.find(({ kind }) => kind === token.source)?.cached === true;
    if (!state.closed && principalKey !== undefined && isCached) cache.set(key, principalKey, token);
    else uncached.set(context, token);
    state.recentlyRejectedKeys.delete(key);
    return token;
  } catch (cause) {
    if (principalKey !== undefined && isBrief(cause) && mayKeep()) recentErrors.set(key, cause);
    throw cause;
  }
}

/** Whether an error is remembered for some seconds. */
function isBrief(error: unknown): error is HostedAgentIdentityError {
  if (!isHostedAgentIdentityError(error) || error.code === "no_token") return false;
  // A credential that could not be read costs no request; one that Entra refused costs two each time.
  return briefCategories.has(error.category) && (error.category !== "cred" || isTokenExchangeError(error));
}

/** Renews a cached token while it is still given out. A failure is an event only. */
export function refreshInBackground(
  state: AcquirerState,
  context: UserContext,
  internals: ContextInternals,
  key: string,
): void {
  const { now, onEvent, resource } = state.options;
  // Another replica may have been first; a token that is no younger than ours does not help.
  const accept: AcceptShared = ({ refreshAt, expiresAt }) => (refreshAt ?? expiresAt) > now();
  shareAcquisition(state, { context, internals, asked: {}, key, accept }).catch((cause: unknown) => {
    const code = isHostedAgentIdentityError(cause) ? cause.code : "token_exchange_failed";
    emit(onEvent, { type: "background_refresh_failed", serverLabel: resource.serverLabel, code });
  });
}

/** Waits for shared work, and records in this caller's turn what the user is asked for. */
export async function recordOutcome(
  work: Promise<AccessToken>,
  { context, internals, key }: Acquisition,
): Promise<AccessToken> {
  try {
    return await work;
  } catch (cause) {
    if (isHostedAgentIdentityError(cause) && turnCategories.has(cause.category))
      internals.refusals.set(key, cause);
    // Frameworks swallow errors, so whoever runs the turn is told as well.
    if (isConsentRequiredError(cause) && !internals.ended) recordConsent(context, cause.requests);
    if (isSignInDemand(cause) && !internals.ended) recordSignInDemand(context, cause);
    throw cause;
  }
}
