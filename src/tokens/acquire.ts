import {
  internalsOf,
  isSignInDemand,
  liveInternalsOf,
  recordConsent,
  recordSignInDemand,
} from "../context/internals.js";
import type { ContextInternals } from "../context/state.js";
import { forgottenPrincipals } from "../context/forgotten.js";
import { digest } from "../sealing/digest.js";
import type { UserContext } from "../context/user-context.js";
import { clocksOf } from "../async/clocks.js";
import { emit } from "../events/events.js";
import {
  HostedAgentIdentityError,
  isConsentRequiredError,
  isHostedAgentIdentityError,
  isTokenExchangeError,
  type SkippedSource,
} from "../errors.js";
import { settleOrAbort } from "../async/deadline.js";
import { flights, type MayKeep } from "./flights.js";
import type { AcceptShared } from "./shared-cache.js";
import { skipOf } from "../sources/skip-of.js";
import { expiringMap } from "../async/expiring-map.js";
import { sourceCalls, type SourceCallsOptions } from "./source-calls.js";
import { tokenCache, usableUntil, type TokenCacheLimits } from "./token-cache.js";
import type { AccessToken, TokenRequest } from "../sources/token-source.js";

/** What an acquirer is made from. */
export interface AcquirerOptions extends SourceCallsOptions {
  readonly cache?: TokenCacheLimits | undefined;
  /** From 0 to 1, for the jitter of refreshes. */
  readonly random: () => number;
  /** Told when a principal is forgotten: what is kept beside the tokens goes too. */
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

/** The cache and the sources behind one access. */
export interface Acquirer {
  /** A token that is at hand without waiting, or `undefined`. The hot path. Throws `context_ended`. */
  peek(context: UserContext): AccessToken | undefined;
  acquire(context: UserContext, options?: AcquireOptions): Promise<AccessToken>;
  forget(context: UserContext, token?: string): void;
  skipped(context: UserContext): readonly SkippedSource[];
  /** What the sources that are not skipped would throw, by their kind, as far as they know by themselves. */
  refusals(context: UserContext): ReadonlyMap<string, HostedAgentIdentityError | undefined>;
  /** A token that is still cached for a principal, whose turn may be over. For ending MCP sessions only. */
  cached(principalKey: string): AccessToken | undefined;
  /** The token at hand of a context that may have ended. For ending MCP sessions only. */
  heldFor(context: UserContext): AccessToken | undefined;
  close(): Promise<void>;
}

/** Errors of these kinds hold for the rest of the turn: asking again would only ask the user again. */
const turnCategories: ReadonlySet<string> = new Set(["consent", "signin", "stepup"]);
/** Errors of these kinds are remembered for some seconds, so that a retrying agent does not hammer Entra. */
const briefCategories: ReadonlySet<string> = new Set(["blocked", "admin", "config", "cred"]);
const recentErrorMs = 5_000;
const maxRecentErrors = 1_000;
const maxDoubted = 1_000;
const retryRefreshMs = 30_000;

/** Makes the acquirer of one access. */
export function acquirer(options: AcquirerOptions): Acquirer {
  const { resource, sources, now, onEvent } = options;
  const clocks = clocksOf(now);
  const { age } = clocks;
  const cache = tokenCache(options.cache, options.random, clocks);
  const calls = sourceCalls(options);
  /** Keys whose token the resource has just refused: whatever else is shared may be as old. */
  const recentlyRejectedKeys = new Set<string>();
  const inFlight = flights();
  const forgotten = forgottenPrincipals();
  /** What was given to a context and is not cached. Read only to end that context's MCP sessions. */
  const uncached = new WeakMap<UserContext, AccessToken>();
  const recentErrors = expiringMap<HostedAgentIdentityError>(recentErrorMs, maxRecentErrors, age);
  const owner = {};
  const keyParts = JSON.stringify([resource.url, sources.map(({ kind, cacheScope }) => [kind, cacheScope])]);
  const usesAssertion = sources.some((source) => source.usesAssertion);
  let closed = false;

  const baseKey = (context: UserContext, internals: ContextInternals): string => {
    const known = internals.cacheKeys.get(owner);
    if (typeof known === "string") return known;
    const { assertion } = internals;
    const hash = usesAssertion ? (assertion?.hash ?? "") : "";
    const made = `${context.principalKey ?? "null"} ${keyParts} ${hash}`;
    internals.cacheKeys.set(owner, made);
    const { begin } = forgotten;
    if (context.principalKey !== undefined)
      internals.uses.push({ stillKnown: begin(context.principalKey), begin });
    return made;
  };

  const requestOf = (
    context: UserContext,
    internals: ContextInternals,
    asked: AcquireOptions = {},
  ): Omit<TokenRequest, "signal"> => ({
    context,
    assertion: internals.assertion,
    resource,
    scopes: asked.scopes ?? resource.scopes,
    claims: asked.claims,
  });

  const live = (context: UserContext): ContextInternals => {
    if (closed) throw new HostedAgentIdentityError("closed", "This access has been closed.");
    return liveInternalsOf(context);
  };

  const fetchToken = async (
    context: UserContext,
    internals: ContextInternals,
    asked: AcquireOptions,
    key: string,
    accept: AcceptShared,
    mayKeep: MayKeep = () => true,
  ): Promise<AccessToken> => {
    const { principalKey } = context;
    try {
      const token = await calls.token(requestOf(context, internals, asked), accept, mayKeep);
      // Forgotten while it was fetched: who waited for it is given it, and nobody else.
      if (!mayKeep(token.token)) return token;
      const isCached = sources.find(({ kind }) => kind === token.source)?.cached === true;
      if (!closed && principalKey !== undefined && isCached) cache.set(key, principalKey, token);
      else uncached.set(context, token);
      recentlyRejectedKeys.delete(key);
      return token;
    } catch (cause) {
      if (principalKey !== undefined && isBrief(cause) && mayKeep()) recentErrors.set(key, cause);
      throw cause;
    }
  };

  /** One acquisition for each full key; whoever asks meanwhile waits for the same one. */
  const shared = (
    context: UserContext,
    internals: ContextInternals,
    asked: AcquireOptions,
    key: string,
    accept: AcceptShared,
  ): Promise<AccessToken> =>
    inFlight.join(context.principalKey ?? "null", key, (mayKeep) =>
      fetchToken(context, internals, asked, key, accept, mayKeep),
    );

  const refreshInBackground = (context: UserContext, internals: ContextInternals, key: string): void => {
    // Another replica may have been first; what is no younger than ours does not help.
    const isYoung: AcceptShared = ({ refreshAt, expiresAt }) => (refreshAt ?? expiresAt) > now();
    shared(context, internals, {}, key, isYoung).catch((cause: unknown) => {
      const code = isHostedAgentIdentityError(cause) ? cause.code : "token_exchange_failed";
      emit(onEvent, { type: "background_refresh_failed", serverLabel: resource.serverLabel, code });
    });
  };

  /** Signed in or out, or told to forget: what was given, refused or is under way does not hold any more. */
  const forgetPrincipal = (principalKey: string): void => {
    forgotten.add(principalKey);
    inFlight.forgetPrincipal(principalKey);
    options.onForget?.(principalKey);
    cache.deletePrincipal(principalKey);
    calls.forgetPrincipal(principalKey);
    recentErrors.deleteWhere((key) => key.startsWith(`${principalKey} `));
  };
  const subscriptions = sources.map((source) => source.subscribe?.(forgetPrincipal));

  return {
    peek(context) {
      const internals = live(context);
      const key = baseKey(context, internals);
      const entry = cache.live(key);
      if (entry === undefined) return undefined;
      const time = age();
      if (entry.refreshAt <= time) {
        // The next caller does not start a second refresh, and a failed one is tried again after a while.
        entry.refreshAt = time + retryRefreshMs;
        refreshInBackground(context, internals, key);
      }
      return entry.token;
    },

    async acquire(context, asked = {}) {
      const internals = live(context);
      asked.signal?.throwIfAborted();
      const plain = asked.claims === undefined && asked.scopes === undefined;
      const base = baseKey(context, internals);
      // Scopes and claims are the server's words, of any length.
      const key = plain ? base : `${base} ${digest(asked.scopes, asked.claims)}`;
      const refusal = internals.refusals.get(key) ?? recentErrors.get(key);
      if (refusal !== undefined) throw refusal;
      // Whoever asks for more was refused with the token it has.
      const { refused = plain ? undefined : cache.get(base)?.token.token } = asked;
      const kept = refused === undefined ? undefined : cache.live(key);
      if (kept !== undefined && kept.token.token !== refused) {
        if (!plain) cache.set(base, kept.principal, kept.token);
        return kept.token;
      }
      const accept: AcceptShared = ({ token }) =>
        token !== refused && !(plain && recentlyRejectedKeys.has(base));
      const work =
        context.principalKey === undefined
          ? fetchToken(context, internals, asked, key, accept)
          : shared(context, internals, asked, key, accept);
      const settled = recordOutcome(work, context, internals, key);
      internals.acquisitions.add(settled);
      const over = (): boolean => internals.acquisitions.delete(settled);
      settled.then(over, over);
      const token = await settleOrAbort(settled, asked.signal);
      // The turn may have ended while Entra was asked: nothing is handed out any more.
      liveInternalsOf(context);
      if (!plain && cache.get(key)?.token === token) cache.set(base, context.principalKey ?? "null", token);
      return token;
    },

    forget(context, token) {
      const { cacheKeys, assertion } = liveInternalsOf(context);
      if (token === undefined || uncached.get(context)?.token === token) uncached.delete(context);
      const { principalKey } = context;
      if (principalKey !== undefined) for (const source of sources) source.forget?.(principalKey, token);
      if (principalKey === undefined) return;
      if (token === undefined) return forgetPrincipal(principalKey);
      inFlight.forgetToken(principalKey, token);
      calls.forgetToken({ context, assertion }, token);
      const key = cacheKeys.get(owner);
      const isCurrent = typeof key === "string" && cache.get(key)?.token.token === token;
      cache.deleteToken(principalKey, token);
      if (!isCurrent || !calls.shared) return;
      recentlyRejectedKeys.add(key);
      if (recentlyRejectedKeys.size > maxDoubted)
        recentlyRejectedKeys.delete(recentlyRejectedKeys.values().next().value ?? key);
    },

    skipped(context) {
      const request = { ...requestOf(context, live(context)), signal: new AbortController().signal };
      return sources.flatMap((source) => {
        const skip = skipOf(source, request);
        return skip === undefined ? [] : [{ source: source.kind, ...skip }];
      });
    },

    refusals(context) {
      const request = { ...requestOf(context, live(context)), signal: new AbortController().signal };
      const asked = sources.filter((source) => skipOf(source, request) === undefined);
      return new Map(asked.map((source) => [source.kind, source.refusal?.(request)]));
    },

    cached: (principalKey) => cache.ofPrincipal(principalKey),

    heldFor(context) {
      if (closed) return undefined;
      const entry = cache.live(baseKey(context, internalsOf(context)));
      if (entry !== undefined) return entry.token;
      const given = uncached.get(context);
      return given !== undefined && usableUntil(given) > now() ? given : undefined;
    },

    async close() {
      closed = true;
      for (const stop of subscriptions) stop?.();
      cache.clear();
      recentErrors.clear();
      await calls.close();
    },
  };
}

/** Whether an error is remembered for some seconds. */
function isBrief(error: unknown): error is HostedAgentIdentityError {
  if (!isHostedAgentIdentityError(error) || error.code === "no_token") return false;
  // A credential that could not be had costs no request; one that Entra refused costs two each time.
  return briefCategories.has(error.category) && (error.category !== "cred" || isTokenExchangeError(error));
}

/** What a shared acquisition means for this caller's turn. */
async function recordOutcome(
  work: Promise<AccessToken>,
  context: UserContext,
  internals: ContextInternals,
  key: string,
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
