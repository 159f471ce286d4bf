import { boundedMap, expiringMap, type ExpiringMap } from "../async/bounded-map.js";
import { clocksOf, type Clocks } from "../async/clocks.js";
import { settleOrAbort } from "../async/deadline.js";
import {
  liveInternalsOf,
  isSignInDemand,
  recordConsent,
  recordSignInDemand,
  forgottenPrincipals,
  type Forgotten,
} from "../context/internals.js";
import type { ContextInternals } from "../context/state.js";
import { type UserContext, internalsOf } from "../context/user-context.js";
import {
  HostedAgentIdentityError,
  type SkippedSource,
  isConsentRequiredError,
  isHostedAgentIdentityError,
  isTokenExchangeError,
} from "../errors.js";
import { emit } from "../events/events.js";
import { digest } from "../sealing/digest.js";
import { type AccessToken, type TokenRequest, type TokenSource, skipOf } from "../sources/token-source.js";
import type { AcceptShared } from "./shared-cache.js";
import { sourceCalls, type SourceCalls, type SourceCallsOptions } from "./source-calls.js";
import {
  usableUntil,
  tokenCache,
  type CacheEntry,
  type TokenCache,
  type TokenCacheLimits,
} from "./token-cache.js";
import {
  flights,
  isSuccessor,
  keyPartsOf,
  maySucceed,
  serverKeys,
  sharedBetweenServers,
  type AskedMore,
  type Flights,
  type MayKeep,
  type ServerKeys,
  type SharedBetweenServers,
} from "./token-home.js";

/** The cache and the sources behind one access. */
export interface Acquirer {
  /** A token that is at hand without waiting, or `undefined`. The hot path. Throws `context_ended`. */
  cachedToken(context: UserContext): AccessToken | undefined;
  acquire(context: UserContext, options?: AcquireOptions): Promise<AccessToken>;
  forget(context: UserContext, token?: string): void;
  skipped(context: UserContext): readonly SkippedSource[];
  /** What the sources that are not skipped would throw, by their kind, as far as they know by themselves. */
  refusals(context: UserContext): ReadonlyMap<string, HostedAgentIdentityError | undefined>;
  /** A token that is still cached for a principal, whose turn may be over. For ending MCP sessions only. */
  cachedTokenOf(principalKey: string): AccessToken | undefined;
  /**
   * A token that is still cached for a principal, for the stream of their pooled client between turns. None where
   * somebody has to be asked whether it may still be given.
   */
  standingTokenOf(principalKey: string): AccessToken | undefined;
  /** The token at hand of a context that may have ended. For ending MCP sessions only. */
  heldFor(context: UserContext): AccessToken | undefined;
  close(): Promise<void>;
}

const retryRefreshMs = 30_000;

/** Makes the acquirer of one access. */
export function acquirer(options: AcquirerOptions): Acquirer {
  const state = acquirerState(options);
  const subscriptions = options.sources.map((source) =>
    source.subscribe?.((principalKey) => forgetPrincipal(state, principalKey)),
  );
  return {
    cachedToken: (context) => cachedToken(state, context),
    acquire: (context, asked = {}) => acquire(state, context, asked),
    forget: (context, token) => forget(state, context, token),
    skipped: (context) => skipped(state, context),
    refusals: (context) => refusals(state, context),
    cachedTokenOf: (principalKey) => tokenOfPrincipal(state, principalKey),
    standingTokenOf(principalKey) {
      const token = state.closed ? undefined : tokenOfPrincipal(state, principalKey);
      return token === undefined || state.gates.has(token.source) ? undefined : token;
    },
    heldFor: (context) => heldFor(state, context),
    async close() {
      state.closed = true;
      for (const stop of subscriptions) stop?.();
      state.cache.clear();
      state.leaveHome?.();
      state.recentErrors.clear();
      await state.calls.close();
    },
  };
}

function cachedToken(state: AcquirerState, context: UserContext): AccessToken | undefined {
  const internals = openInternalsOf(state, context);
  const key = baseKeyOf(state, context, internals);
  const entry = state.serverKeys.differ ? currentOf(state, key).entry : liveEntry(state, key);
  if (entry === undefined || !isStillAllowed(state, context, entry.token)) return undefined;
  const time = state.clocks.age();
  if (entry.refreshAt <= time) {
    // The next caller does not start a second refresh, and a failed one is tried again after a while.
    entry.refreshAt = time + retryRefreshMs;
    refreshInBackground(state, context, internals, key);
  }
  return entry.token;
}

/** Whether a kept token's tenant is known to be allowed still. Otherwise `acquire()` waits to be told. */
function isStillAllowed({ gates }: AcquirerState, context: UserContext, { source }: AccessToken): boolean {
  const allowed = gates.get(source)?.(context) ?? true;
  if (typeof allowed !== "boolean") allowed.catch(() => undefined);
  return allowed === true;
}

async function acquire(
  state: AcquirerState,
  context: UserContext,
  asked: AcquireOptions,
): Promise<AccessToken> {
  const { recentErrors, recentlyRejectedKeys } = state;
  const internals = openInternalsOf(state, context);
  asked.signal?.throwIfAborted();
  const { claims, scopes } = asked;
  const plain = claims === undefined && scopes === undefined;
  const base = baseKeyOf(state, context, internals);
  // Scopes and claims are the server's words, of any length.
  const demand = plain ? base : `${base} ${digest(asked.scopes, asked.claims)}`;
  const refusal = internals.refusals.get(turnKeyOf(state, demand)) ?? recentErrors.get(demand);
  if (refusal !== undefined) throw refusal;
  // A request for more comes after a refusal of the plain token.
  const { refused = plain ? undefined : currentOf(state, base).entry?.token.token } = asked;
  const remember = (): void => {
    if (!plain) state.serverKeys.demands(base, { key: demand, claims, scopes });
  };
  const kept = refused === undefined ? undefined : keptFor(state, context, demand, refused);
  const allows = kept && state.gates.get(kept.token.source);
  if (kept !== undefined && (allows === undefined || (await allows(context)))) {
    remember();
    return kept.token;
  }
  const key = state.serverKeys.of(demand);
  const isNew = ({ token }: AccessToken): boolean => token !== refused;
  // What replicas share for the key of a refused token may be as old.
  const accept: AcceptShared = (token) =>
    isNew(token) && !isSuccessor(key) && !(plain && recentlyRejectedKeys.has(base));
  const token = await waitInTurn(state, {
    context,
    internals,
    asked,
    demand,
    key,
    accept,
    acceptKept: isNew,
  });
  if (liveEntry(state, key)?.token === token) remember();
  return token;
}

/** What is kept for a demand and is not what the server has just refused: another call may have got it meanwhile. */
function keptFor(
  state: AcquirerState,
  { principalKey }: UserContext,
  demand: string,
  refused: string,
): CacheEntry | undefined {
  const kept = liveEntry(state, state.serverKeys.of(demand));
  if (kept?.token.token !== refused) return kept;
  // It stays what other servers get.
  if (principalKey !== undefined) state.serverKeys.refused(principalKey, refused);
  return undefined;
}

/** Waits for the acquisition as long as the caller's signal and turn allow. The work itself goes on. */
async function waitInTurn(state: AcquirerState, acquisition: Acquisition): Promise<AccessToken> {
  const { context, internals, asked } = acquisition;
  const settled = recordOutcome(state, shareAcquisition(state, acquisition), acquisition);
  internals.acquisitions.add(settled);
  const over = (): boolean => internals.acquisitions.delete(settled);
  settled.then(over, over);
  const token = await settleOrAbort(settled, asked.signal);
  // The turn may have ended while Entra was asked: nothing is handed out any more.
  liveInternalsOf(context);
  return token;
}

function skipped(state: AcquirerState, context: UserContext): readonly SkippedSource[] {
  const request = unsentRequest(state, context);
  return state.options.sources.flatMap((source) => {
    const skip = skipOf(source, request);
    return skip === undefined ? [] : [{ source: source.kind, ...skip }];
  });
}

function refusals(state: AcquirerState, context: UserContext): ReturnType<Acquirer["refusals"]> {
  const request = unsentRequest(state, context);
  const asked = state.options.sources.filter((source) => skipOf(source, request) === undefined);
  return new Map(asked.map((source) => [source.kind, source.refusal?.(request)]));
}

/** The plain request of a context, to ask sources about without asking for a token. */
function unsentRequest(state: AcquirerState, context: UserContext): TokenRequest {
  const request = requestOf(state, context, openInternalsOf(state, context));
  return { ...request, signal: new AbortController().signal };
}

function heldFor(state: AcquirerState, context: UserContext): AccessToken | undefined {
  if (state.closed) return undefined;
  const { entry } = currentOf(state, baseKeyOf(state, context, internalsOf(context)));
  if (entry !== undefined) return entry.token;
  const given = state.uncached.get(context);
  return given !== undefined && usableUntil(given) > state.options.now() ? given : undefined;
}

/** What an acquirer is made from. */
interface AcquirerOptions extends SourceCallsOptions {
  readonly cache?: TokenCacheLimits | undefined;
  /** From 0 to 1, for the jitter of refreshes. */
  readonly random: () => number;
  /** Called when a principal is forgotten, for what is kept elsewhere. */
  readonly onForget?: ((principalKey: string) => void) | undefined;
}

/** What a single call asks for beyond the resource's own scopes. */
export interface AcquireOptions extends AskedMore {
  readonly signal?: AbortSignal | undefined;
  /** The token that the resource has just refused: any other one that meets the demand will do. */
  readonly refused?: string | undefined;
}

/** Everything that the calls of one acquirer share. The object itself is its key in a context's `cacheKeys`. */
export interface AcquirerState {
  readonly options: AcquirerOptions;
  readonly clocks: Clocks;
  /** Of this access alone: what its other sources gave. */
  readonly cache: TokenCache;
  /** What it shares with other accesses of the same app. */
  readonly together: SharedBetweenServers | undefined;
  readonly leaveHome: (() => void) | undefined;
  readonly serverKeys: ServerKeys;
  readonly calls: SourceCalls;
  readonly inFlight: Flights;
  readonly forgotten: Forgotten;
  /** What was given to a context and is not cached. Read only to end that context's MCP sessions. */
  readonly uncached: WeakMap<UserContext, AccessToken>;
  /** By cache key: an agent that retries in a loop does not reach Entra each time. */
  readonly recentErrors: ExpiringMap<HostedAgentIdentityError>;
  /** Keys whose token the resource has just refused: a shared one may be as old. */
  readonly recentlyRejectedKeys: Map<string, true>;
  /** What sets this acquirer's cache keys apart from others of the same home: audiences, scopes and sources. */
  readonly keyParts: string;
  readonly usesAssertion: boolean;
  /** By kind of source: who says whether a kept token may still be given. Empty where tenants are listed. */
  readonly gates: ReadonlyMap<string, NonNullable<TokenSource["allows"]>>;
  closed: boolean;
}

const recentErrorMs = 5_000;
const maxRecentErrors = 1_000;
const maxRejectedKeys = 1_000;

/** Makes the state of an acquirer that holds nothing yet. */
function acquirerState(options: AcquirerOptions): AcquirerState {
  const { sources } = options;
  const clocks = clocksOf(options.now);
  const together = sharedBetweenServers(options.sources, { ...options, clocks });
  const keyParts = keyPartsOf(options.resource, options.sources);
  return {
    options,
    clocks,
    cache: tokenCache(options.cache, options.random, clocks),
    together,
    leaveHome: together?.home.enter(options.cache ?? {}),
    serverKeys: serverKeys(together?.home.cache, (principalKey) => `${principalKey} ${keyParts} `),
    calls: sourceCalls(options),
    inFlight: flights(),
    forgotten: forgottenPrincipals(),
    uncached: new WeakMap(),
    recentErrors: expiringMap(recentErrorMs, maxRecentErrors, clocks.age),
    recentlyRejectedKeys: boundedMap(maxRejectedKeys),
    keyParts,
    usesAssertion: sources.some((source) => source.usesAssertion),
    gates: new Map(sources.flatMap(({ kind, allows }) => (allows === undefined ? [] : [[kind, allows]]))),
    closed: false,
  };
}

/** The token that this server gets under a key. */
function liveEntry({ cache, together }: AcquirerState, key: string): CacheEntry | undefined {
  const own = cache.size === 0 ? undefined : cache.live(key);
  return own ?? together?.home.cache.live(key);
}

/** The token that this server gets in place of the plain one, if it has refused that or asked for more. */
function currentOf(
  state: AcquirerState,
  base: string,
): { readonly entry: CacheEntry | undefined; readonly key: string; readonly asked: AskedMore } {
  const { serverKeys: keys } = state;
  const demand = keys.demandOf(base);
  const stronger = demand && liveEntry(state, keys.of(demand.key));
  if (demand !== undefined && stronger !== undefined)
    return { entry: stronger, key: demand.key, asked: { claims: demand.claims, scopes: demand.scopes } };
  if (demand !== undefined) keys.demands(base, undefined);
  return { entry: liveEntry(state, keys.of(base)), key: base, asked: {} };
}

/** A token that this server still gets for a principal, whichever of their user tokens it hangs on. */
function tokenOfPrincipal(state: AcquirerState, principalKey: string): AccessToken | undefined {
  const begin = `${principalKey} ${state.keyParts} `;
  for (const cache of [state.cache, state.together?.home.cache])
    for (const key of cache?.keysOf(principalKey) ?? []) {
      // Other audiences and scopes have tokens in the same home.
      if (!key.startsWith(begin)) continue;
      const end = key.indexOf(" ", begin.length);
      const { entry } = currentOf(state, end < 0 ? key : key.slice(0, end));
      if (entry !== undefined) return entry.token;
    }
  return undefined;
}

/** Refusals name the server, so they are of one server. */
function turnKeyOf({ options }: AcquirerState, demand: string): string {
  return `${options.resource.url} ${demand}`;
}

/** The internals of a context whose turn still runs. Throws `closed`, `context_ended`. */
function openInternalsOf(state: AcquirerState, context: UserContext): ContextInternals {
  if (state.closed) throw new HostedAgentIdentityError("closed", "This access has been closed.");
  return liveInternalsOf(context);
}

/** The cache key of a context's plain tokens, made once for each context. */
function baseKeyOf(state: AcquirerState, context: UserContext, internals: ContextInternals): string {
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

/** One token that is being fetched: for whom, what was asked, and where it is kept. */
interface Acquisition {
  readonly context: UserContext;
  readonly internals: ContextInternals;
  readonly asked: AcquireOptions;
  /** The key of what is asked for: principal, audiences, scopes, sources, user token, and what was asked beyond that. */
  readonly demand: string;
  /** The key under which it is kept for this server. */
  readonly key: string;
  /** Which tokens of the shared cache will do, */
  readonly accept: AcceptShared;
  /** and which of those that another access has fetched meanwhile. */
  readonly acceptKept: AcceptShared;
}

/** Errors of these kinds hold for the rest of the turn: asking again would only ask the user again. */
const turnCategories: ReadonlySet<string> = new Set(["consent", "signin", "stepup"]);
/** Errors of these kinds are remembered for some seconds, so that a retrying agent does not hammer Entra. */
const briefCategories: ReadonlySet<string> = new Set(["blocked", "admin", "config", "cred"]);

/** One acquisition for each full key: whoever asks meanwhile waits for the same one. */
function shareAcquisition(state: AcquirerState, acquisition: Acquisition): Promise<AccessToken> {
  const { principalKey } = acquisition.context;
  if (principalKey === undefined) return fetchToken(state, acquisition, () => true);
  return state.inFlight.join(principalKey, acquisition.key, (mayKeep) =>
    fetchToken(state, acquisition, mayKeep),
  );
}

async function fetchToken(
  state: AcquirerState,
  { context, internals, asked, demand, key, accept, acceptKept }: Acquisition,
  mayKeep: MayKeep,
): Promise<AccessToken> {
  const { cache, options, recentErrors, uncached, together } = state;
  const { principalKey } = context;
  const stillKnown = principalKey === undefined ? undefined : together?.home.forgotten.begin(principalKey);
  const share =
    principalKey === undefined || together === undefined ? undefined : { ...together, key, acceptKept };
  try {
    const request = requestOf(state, context, internals, asked);
    const token = await state.calls.token(request, { accept, mayKeep, share });
    // Forgotten while it was fetched: only those who waited for it get it.
    if (!mayKeep(token.token) || stillKnown?.() === false) return token;
    state.recentlyRejectedKeys.delete(key);
    if (together?.home.cache.get(key)?.token === token) return token;
    const isCached = options.sources.find(({ kind }) => kind === token.source)?.cached === true;
    if (!state.closed && principalKey !== undefined && isCached && maySucceed(key, token.token))
      cache.set(key, principalKey, token);
    else uncached.set(context, token);
    return token;
  } catch (cause) {
    if (principalKey !== undefined && isBrief(cause) && mayKeep()) recentErrors.set(demand, cause);
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
function refreshInBackground(
  state: AcquirerState,
  context: UserContext,
  internals: ContextInternals,
  base: string,
): void {
  const { now, onEvent, resource } = state.options;
  const { key: demand, asked } = currentOf(state, base);
  const key = state.serverKeys.of(demand);
  // Another replica may have been first; a token that is no younger than ours does not help.
  const accept: AcceptShared = ({ refreshAt, expiresAt }) => (refreshAt ?? expiresAt) > now();
  const acquisition = { context, internals, asked, demand, key, accept, acceptKept: accept };
  shareAcquisition(state, acquisition).catch((cause: unknown) => {
    const code = isHostedAgentIdentityError(cause) ? cause.code : "token_exchange_failed";
    emit(onEvent, { type: "background_refresh_failed", serverLabel: resource.serverLabel, code });
  });
}

/** Waits for shared work, and records in this caller's turn what the user is asked for. */
async function recordOutcome(
  state: AcquirerState,
  work: Promise<AccessToken>,
  { context, internals, demand }: Acquisition,
): Promise<AccessToken> {
  try {
    return await work;
  } catch (cause) {
    if (isHostedAgentIdentityError(cause) && turnCategories.has(cause.category))
      internals.refusals.set(turnKeyOf(state, demand), cause);
    // Frameworks swallow errors, so whoever runs the turn is told as well.
    if (isConsentRequiredError(cause) && !internals.ended) recordConsent(context, cause.requests);
    if (isSignInDemand(cause) && !internals.ended) recordSignInDemand(context, cause);
    throw cause;
  }
}

/** Drops one token of a context's user, or without one everything. Throws `context_ended`. */
function forget(state: AcquirerState, context: UserContext, token: string | undefined): void {
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
function forgetPrincipal(state: AcquirerState, principalKey: string): void {
  const { forgotten, inFlight, options, cache, together, calls, recentErrors } = state;
  forgotten.add(principalKey);
  inFlight.forgetPrincipal(principalKey);
  options.onForget?.(principalKey);
  cache.deletePrincipal(principalKey);
  together?.home.forgetPrincipal(principalKey);
  calls.forgetPrincipal(principalKey);
  recentErrors.deleteWhere((key) => key.startsWith(`${principalKey} `));
}

function forgetToken(state: AcquirerState, context: UserContext, principalKey: string, token: string): void {
  const { cache, calls, inFlight, recentlyRejectedKeys, serverKeys: keys } = state;
  const internals = liveInternalsOf(context);
  inFlight.forgetToken(principalKey, token);
  const key = baseKeyOf(state, context, internals);
  const { entry, asked } = currentOf(state, key);
  const isStronger = asked.claims !== undefined || asked.scopes !== undefined;
  for (const one of isStronger ? [{}, asked] : [{}])
    calls.forgetToken(requestOf(state, context, internals, one), token);
  const isCurrent = entry?.token.token === token;
  cache.deleteToken(principalKey, token);
  // Only this server has refused it.
  keys.refused(principalKey, token);
  if (isCurrent && calls.shared && keys.of(key) === key) recentlyRejectedKeys.set(key, true);
}
