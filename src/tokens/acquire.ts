import { liveInternalsOf, recordConsent, type ContextInternals } from "../context/internals.js";
import { runWithoutUserContext } from "../context/ambient.js";
import type { UserContext } from "../context/user-context.js";
import {
  emit,
  HostedAgentIdentityError,
  isConsentRequiredError,
  isTokenExchangeError,
  type OnEvent,
  type SkippedSource,
} from "../errors.js";
import { settleOrAbort, withDeadline } from "../exchange/deadline.js";
import { askSources, askWithBackOff, standIns, type AskSource } from "./ask-sources.js";
import { backOff } from "./back-off.js";
import type { ProtectedResource } from "./protected-resource.js";
import { sharedCache, type AcceptShared, type SharedCacheOptions } from "./shared-cache.js";
import { shortMemory } from "./short-memory.js";
import { tokenCache, type TokenCacheLimits } from "./token-cache.js";
import type { AccessToken, TokenRequest, TokenSource } from "./token-source.js";

/** What an acquirer is made from. */
export interface AcquirerOptions {
  readonly resource: ProtectedResource;
  readonly sources: readonly TokenSource[];
  readonly cache?: TokenCacheLimits | undefined;
  readonly sharedCache?: SharedCacheOptions | undefined;
  /** How long one acquisition may take altogether, in milliseconds. */
  readonly timeoutMs: number;
  readonly now: () => number;
  readonly onEvent: OnEvent | undefined;
}

/** What a single call asks for beyond the resource's own scopes. */
export interface AcquireOptions {
  readonly signal?: AbortSignal | undefined;
  readonly claims?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
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
  close(): Promise<void>;
}

/** Errors of these kinds hold for the rest of the turn: asking again would only ask the user again. */
const turnCategories: ReadonlySet<string> = new Set(["consent", "signin", "stepup"]);
/** Errors of these kinds are remembered for some seconds, so that a retrying agent does not hammer Entra. */
const briefCategories: ReadonlySet<string> = new Set(["blocked", "admin", "config", "cred"]);
const briefMs = 5_000;
const maxBrief = 1_000;
const maxDoubted = 1_000;
const retryRefreshMs = 30_000;

/** Makes the acquirer of one access. */
export function acquirer(options: AcquirerOptions): Acquirer {
  const { resource, sources, now, onEvent } = options;
  const cache = tokenCache(options.cache);
  const others = options.sharedCache && sharedCache({ ...options.sharedCache, resource, now, onEvent });
  const waits = backOff(now, onEvent);
  const won = standIns();
  /** Keys whose token the resource has just refused: whatever else is shared may be as old. */
  const doubted = new Set<string>();
  const inFlight = new Map<string, Promise<AccessToken>>();
  const brief = shortMemory<HostedAgentIdentityError>(briefMs, maxBrief, now);
  const owner = {};
  const keyParts = JSON.stringify([resource.url, sources.map(({ kind, cacheScope }) => [kind, cacheScope])]);
  const usesAssertion = sources.some((source) => source.usesAssertion);
  let closed = false;

  const baseKey = (context: UserContext, internals: ContextInternals): string => {
    const known = internals.cacheKeys.get(owner);
    if (typeof known === "string") return known;
    const { assertion } = internals;
    // Whoever comes with a resource's token does not get what the person's sign-in gave. Rule 2.
    const hash = usesAssertion || assertion?.use === "resource" ? (assertion?.hash ?? "") : "";
    const made = `${context.principalKey ?? "null"} ${keyParts} ${hash}`;
    internals.cacheKeys.set(owner, made);
    return made;
  };

  const requestOf = (
    context: UserContext,
    internals: ContextInternals,
    asked: AcquireOptions,
    signal: AbortSignal,
  ): TokenRequest => ({
    context,
    assertion: internals.assertion,
    resource,
    scopes: asked.scopes ?? resource.scopes,
    claims: asked.claims,
    signal,
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
  ): Promise<AccessToken> => {
    const principal = context.principalKey ?? "null";
    const started = now();
    const timedOut = (): Error =>
      new HostedAgentIdentityError("entra_timeout", `No token within ${options.timeoutMs} ms.`);
    let isShared = false;
    const ask: AskSource = async (source, request) => {
      const found = await others?.find(source, request, accept);
      isShared = found?.token !== undefined;
      if (found?.token !== undefined) return { status: "token", token: found.token };
      const answer = await askWithBackOff(source, request, waits, principal);
      if (answer.status === "token") found?.keep(answer.token);
      return answer;
    };
    const fromSources = (signal: AbortSignal): Promise<AccessToken> =>
      askSources(sources, requestOf(context, internals, asked, signal), ask, principal, won);
    try {
      const token = await runWithoutUserContext(() =>
        withDeadline(options.timeoutMs, undefined, timedOut, fromSources),
      );
      emit(onEvent, {
        type: "token_acquired",
        source: token.source,
        serverLabel: resource.serverLabel,
        durationMs: now() - started,
        ...(isShared ? { shared: true } : {}),
      });
      if (
        !closed &&
        context.principalKey !== undefined &&
        sources.find(({ kind }) => kind === token.source)?.cached === true
      ) {
        cache.set(key, principal, token);
      }
      doubted.delete(key);
      return token;
    } catch (cause) {
      if (cause instanceof HostedAgentIdentityError) {
        emit(onEvent, {
          type: "token_refused",
          serverLabel: resource.serverLabel,
          code: cause.code,
          category: cause.category,
          errorCodes: isTokenExchangeError(cause) ? cause.errorCodes : [],
        });
        if (
          context.principalKey !== undefined &&
          briefCategories.has(cause.category) &&
          cause.code !== "no_token" &&
          // A credential that could not be had costs no request; one that Entra refused costs two each time.
          (cause.category !== "cred" || isTokenExchangeError(cause))
        ) {
          brief.set(key, cause);
        }
      }
      throw cause;
    }
  };

  /** One acquisition for each full key; whoever asks meanwhile waits for the same one. Rule 6. */
  const shared = (
    context: UserContext,
    internals: ContextInternals,
    asked: AcquireOptions,
    key: string,
    accept: AcceptShared,
  ): Promise<AccessToken> => {
    const running = inFlight.get(key);
    if (running !== undefined) return running;
    const work = fetchToken(context, internals, asked, key, accept);
    inFlight.set(key, work);
    const settled = (): boolean => inFlight.delete(key);
    work.then(settled, settled);
    return work;
  };

  const refreshInBackground = (context: UserContext, internals: ContextInternals, key: string): void => {
    // Another replica may have been first; what is no younger than ours does not help.
    const isYoung: AcceptShared = ({ refreshAt, expiresAt }) => (refreshAt ?? expiresAt) > now();
    shared(context, internals, {}, key, isYoung).catch((cause: unknown) => {
      const code = cause instanceof HostedAgentIdentityError ? cause.code : "token_exchange_failed";
      emit(onEvent, { type: "background_refresh_failed", serverLabel: resource.serverLabel, code });
    });
  };

  /** Somebody signed in or out: what was given, or refused, before does not hold any more. */
  const forgetPrincipal = (principalKey: string): void => {
    cache.deletePrincipal(principalKey);
    others?.forgetPrincipal(principalKey);
    brief.deleteWhere((key) => key.startsWith(`${principalKey} `));
  };
  const subscriptions = sources.map((source) => source.subscribe?.(forgetPrincipal));

  return {
    peek(context) {
      const internals = live(context);
      const key = baseKey(context, internals);
      const entry = cache.get(key);
      const time = now();
      if (entry === undefined || entry.until <= time) return undefined;
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
      const key = plain ? base : `${base} ${JSON.stringify([asked.scopes ?? null, asked.claims ?? null])}`;
      const refusal = internals.refusals.get(key) ?? brief.get(key);
      if (refusal !== undefined) throw refusal;
      // Whoever asks for more was refused with the token it has.
      const refused = plain ? undefined : cache.get(base)?.token.token;
      const accept: AcceptShared = ({ token }) => token !== refused && !(plain && doubted.has(base));
      const work =
        context.principalKey === undefined
          ? fetchToken(context, internals, asked, key, accept)
          : shared(context, internals, asked, key, accept);
      const settled = settle(work, context, internals, key);
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
      const { principalKey } = context;
      if (principalKey !== undefined) for (const source of sources) source.forget?.(principalKey, token);
      const key = cacheKeys.get(owner);
      if (token === undefined) {
        if (principalKey !== undefined) cache.deletePrincipal(principalKey);
        if (principalKey !== undefined) others?.forgetPrincipal(principalKey);
        return;
      }
      others?.forgetToken(sources, { context, assertion }, token);
      if (typeof key !== "string" || cache.get(key)?.token.token !== token) return;
      cache.delete(key);
      if (others !== undefined) doubted.add(key);
      if (doubted.size > maxDoubted) doubted.delete(doubted.values().next().value ?? key);
    },

    skipped(context) {
      const request = requestOf(context, live(context), {}, new AbortController().signal);
      return sources.flatMap((source) => {
        const skip = source.skip(request);
        return skip === undefined ? [] : [{ source: source.kind, ...skip }];
      });
    },

    refusals(context) {
      const request = requestOf(context, live(context), {}, new AbortController().signal);
      const asked = sources.filter((source) => source.skip(request) === undefined);
      return new Map(asked.map((source) => [source.kind, source.refusal?.(request)]));
    },

    cached: (principalKey) => cache.ofPrincipal(principalKey, now()),

    async close() {
      closed = true;
      for (const stop of subscriptions) stop?.();
      cache.clear();
      brief.clear();
      await others?.close();
    },
  };
}

/** What a shared acquisition means for this caller's turn. */
async function settle(
  work: Promise<AccessToken>,
  context: UserContext,
  internals: ContextInternals,
  key: string,
): Promise<AccessToken> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof HostedAgentIdentityError && turnCategories.has(cause.category))
      internals.refusals.set(key, cause);
    // Frameworks swallow errors, so whoever runs the turn is told as well.
    if (isConsentRequiredError(cause) && !internals.ended) recordConsent(context, cause.requests);
    throw cause;
  }
}
