import { boundedMap } from "../async/bounded-map.js";
import { clocksOf, type Clocks } from "../async/clocks.js";
import { expiringMap, type ExpiringMap } from "../async/expiring-map.js";
import { forgottenPrincipals, type Forgotten } from "../context/forgotten.js";
import { liveInternalsOf } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";
import type { AccessToken, TokenRequest } from "../sources/token-source.js";
import { flights, type Flights } from "./flights.js";
import { sourceCalls, type SourceCalls, type SourceCallsOptions } from "./source-calls.js";
import { tokenCache, type TokenCache, type TokenCacheLimits } from "./token-cache.js";
import type { ContextInternals } from "../context/state.js";

/** What an acquirer is made from. */
export interface AcquirerOptions extends SourceCallsOptions {
  readonly cache?: TokenCacheLimits | undefined;
  /** From 0 to 1, for the jitter of refreshes. */
  readonly random: () => number;
  /** Called when a principal is forgotten, for what is kept elsewhere. */
  readonly onForget?: ((principalKey: string) => void) | undefined;
}

/** What a single call asks for beyond the resource's own scopes. */
export interface AcquireOptions {
  readonly signal?: AbortSignal | undefined;
  readonly claims?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  /** The token that the resource has just refused: any other one that meets the demand will do. */
  readonly refused?: string | undefined;
}

/** Everything that the calls of one acquirer share. The object itself is its key in a context's `cacheKeys`. */
export interface AcquirerState {
  readonly options: AcquirerOptions;
  readonly clocks: Clocks;
  readonly cache: TokenCache;
  readonly calls: SourceCalls;
  readonly inFlight: Flights;
  readonly forgotten: Forgotten;
  /** What was given to a context and is not cached. Read only to end that context's MCP sessions. */
  readonly uncached: WeakMap<UserContext, AccessToken>;
  /** By cache key: an agent that retries in a loop does not reach Entra each time. */
  readonly recentErrors: ExpiringMap<HostedAgentIdentityError>;
  /** Keys whose token the resource has just refused: a shared one may be as old. */
  readonly recentlyRejectedKeys: Map<string, true>;
  /** What sets this acquirer's cache keys apart: the resource and its sources. */
  readonly keyParts: string;
  readonly usesAssertion: boolean;
  closed: boolean;
}

const recentErrorMs = 5_000;
const maxRecentErrors = 1_000;
const maxRejectedKeys = 1_000;

/** Makes the state of an acquirer that holds nothing yet. */
export function acquirerState(options: AcquirerOptions): AcquirerState {
  const { resource, sources } = options;
  const clocks = clocksOf(options.now);
  return {
    options,
    clocks,
    cache: tokenCache(options.cache, options.random, clocks),
    calls: sourceCalls(options),
    inFlight: flights(),
    forgotten: forgottenPrincipals(),
    uncached: new WeakMap(),
    recentErrors: expiringMap(recentErrorMs, maxRecentErrors, clocks.age),
    recentlyRejectedKeys: boundedMap(maxRejectedKeys),
    keyParts: JSON.stringify([resource.url, sources.map(({ kind, cacheScope }) => [kind, cacheScope])]),
    usesAssertion: sources.some((source) => source.usesAssertion),
    closed: false,
  };
}

/** The internals of a context whose turn still runs. Throws `closed`, `context_ended`. */
export function openInternalsOf(state: AcquirerState, context: UserContext): ContextInternals {
  if (state.closed) throw new HostedAgentIdentityError("closed", "This access has been closed.");
  return liveInternalsOf(context);
}

/** The cache key of a context's plain tokens, made once for each context. */
export function baseKeyOf(state: AcquirerState, context: UserContext, internals: ContextInternals): string {
  const known = internals.cacheKeys.get(state);
  if (typeof known === "string") return known;
  const { assertion } = internals;
  const hash = state.usesAssertion ? (assertion?.hash ?? "") : "";
  const made = `${context.principalKey ?? "null"} ${state.keyParts} ${hash}`;
  internals.cacheKeys.set(state, made);
  const { begin } = state.forgotten;
  if (context.principalKey !== undefined)
    internals.uses.push({ stillKnown: begin(context.principalKey), begin });
  return made;
}

/** What the sources are asked for. */
export function requestOf(
  { options: { resource } }: AcquirerState,
  context: UserContext,
  internals: ContextInternals,
  asked: AcquireOptions = {},
): Omit<TokenRequest, "signal"> {
  return {
    context,
    assertion: internals.assertion,
    resource,
    scopes: asked.scopes ?? resource.scopes,
    claims: asked.claims,
  };
}
