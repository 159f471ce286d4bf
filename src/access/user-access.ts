import { clocksOf } from "../async/clocks.js";
import { getUserContext, tryGetUserContext } from "../context/ambient.js";
import type { UserContext } from "../context/user-context.js";
import { resourceOfScope } from "../entra/scopes.js";
import { HostedAgentIdentityError } from "../errors.js";
import { invalidOptionCauses, noUserContextCauses } from "../errors/causes/set-up.js";
import { wrongUserCauses } from "../errors/causes/tokens.js";
import type { OnEvent } from "../events/events.js";
import { list, milliseconds, oneOf, optional, orElse } from "../options/checks.js";
import { invalid } from "../options/invalid.js";
import { nested, readOptions, type OptionTable } from "../options/option-table.js";
import { type Runtime, runtimeOptions, fraction } from "../runtime/runtime.js";
import { resourceOption, type ProtectedResource } from "../sources/protected-resource.js";
import { sourceOption, type TokenSource } from "../sources/token-source.js";
import { acquirer, type Acquirer } from "../tokens/acquire.js";
import { sharedCacheOptions, type SharedCacheOptions } from "../tokens/shared-cache-state.js";
import { cacheLimitOptions, type TokenCacheLimits } from "../tokens/token-cache.js";
import { tracedAcquirer } from "../tokens/traced-acquirer.js";
import { challengeBudget } from "./challenge-budget.js";
import { elicitations } from "./elicitation.js";
import { sendAsUser, type UserFetchOptions, tracedFetch } from "./fetch.js";
import { sessionOwners } from "./sessions.js";
import { impatient } from "./silence.js";
import { standaloneRefusal } from "./standalone-requests.js";
import { standaloneStreams } from "./standalone-streams.js";
import type { AccessExplanation, UserAccess, TokenCredentialOptions, UserTokenCredential } from "./types.js";
import { urlMatch } from "./url-match.js";

/** How an access behaves. */
export interface UserAccessOptions extends Runtime {
  /** Bounds of the token cache. Default 10 000 entries, 64 MiB. */
  readonly cache?: TokenCacheLimits;
  /**
   * A store behind the cache that replicas share: what one of them exchanged, the others need not, and neither
   * must a process that was started again. Only for tokens that were exchanged for a user token, encrypted.
   * While the store is down, tokens are exchanged as without it.
   */
  readonly sharedCache?: SharedCacheOptions;
  /** How long one acquisition may take altogether, in milliseconds. Default 30 000. */
  readonly timeoutMs?: number;
  /**
   * Who may open a stream on which the server talks by itself: a GET stream, or `subscriptions/listen`. `pool`
   * (default): the clients of an `mcpClientPool()`, which have one user each. Any other one gets
   * `standalone_stream_refused`: the stream would stay bound to whoever connected first. `refuse`: none. `allow`:
   * every client; those outside a pool have to be one user's, and their stream ends with the turn that opened it.
   */
  readonly standaloneStream?: "pool" | "refuse" | "allow";
  /**
   * How long the server may send nothing while a request waits, in milliseconds: until an answer begins, and between the
   * pieces of an event stream until it has answered its request. Then the call fails, or goes on after the last event
   * that had an id. Default: no limit here, because a tool may work for minutes without a word; Node's own `fetch` ends
   * after 300 s of silence. Keep it longer than your longest tool, unless the server reports progress.
   */
  readonly silenceMs?: number;
  /** `allow` lets several users share one MCP session. Default `refuse` (`shared_session`). */
  readonly sharedSessions?: "refuse" | "allow";
}

/**
 * Joins a protected resource with the ways to a token for it, in the order they are tried. Throws
 * `invalid_option`. What it returns throws `no_user_context`, `context_ended`, `no_token`,
 * `consent_required`, `url_not_allowed`, `redirect_refused`, `shared_session`, `mcp_session_lost`, `resource_unauthorized`,
 * `invalid_option` for a header that no request can have, and what its sources throw.
 *
 * Entry point: `hosted-agent-identity`.
 *
 * @example
 * ```ts
 * import { StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
 * import { onBehalfOf, passthrough, userAccess, type EntraApp, type ProtectedResource } from "hosted-agent-identity";
 *
 * export function transport(app: EntraApp, server: ProtectedResource) {
 *   const contacts = userAccess(server, [passthrough(), onBehalfOf(app)]);
 *   return new StreamableHTTPClientTransport(contacts.url, { fetch: contacts.fetch });
 * }
 * ```
 * @group Tokens
 */
export function userAccess(
  resource: ProtectedResource,
  sources: readonly TokenSource[],
  options: UserAccessOptions = {},
): UserAccess {
  resourceOption.read(resource, "userAccess: resource");
  list(sourceOption, 1).read(sources, "userAccess: sources");
  const kinds = sources.map(({ kind, cacheScope }) => JSON.stringify([kind, cacheScope]));
  if (new Set(kinds).size !== kinds.length)
    throw invalid("userAccess: sources", "expected each source once, got the same one twice.");
  const settings = readOptions("userAccess", userAccessOptions, options);
  const { onEvent, now, fetch } = settings;
  const { age } = clocksOf(now);
  const refusals = challengeBudget(age);
  const [pageFor] = sources.flatMap((source) => source.pageFor?.bind(source) ?? []);
  const acquiring = acquirer({
    resource,
    sources: [...sources],
    cache: settings.cache,
    sharedCache: settings.sharedCache,
    timeoutMs: settings.timeoutMs,
    now,
    random: () => fraction(settings.random),
    onEvent,
    onForget(principalKey) {
      refusals.forget(principalKey);
      streams.forget(principalKey);
    },
  });
  const tokens = tracedAcquirer(acquiring, { serverLabel: resource.serverLabel, onEvent, sources });
  const sessions = settings.sharedSessions === "allow" ? undefined : sessionOwners();
  const { serverLabel } = resource;
  const streams = standaloneStreams({ serverLabel, acquirer: tokens, sessions, now, onEvent });
  return access(tokens, sources, {
    resource,
    acquirer: tokens,
    matches: urlMatch(resource.url),
    sessions,
    refusals,
    refuseStandaloneStream: standaloneRefusal({ mode: settings.standaloneStream, serverLabel, onEvent }),
    streams: settings.standaloneStream === "refuse" ? undefined : streams,
    elicitations: elicitations({ resource, onEvent, age, pageFor }),
    silenceMs: settings.silenceMs,
    fetch: impatient(fetch, settings.silenceMs),
    context: undefined,
    onEvent,
  });
}

/** The options of {@link userAccess}. */
export const userAccessOptions: OptionTable<
  UserAccessOptions,
  "timeoutMs" | "standaloneStream" | "fetch" | "now" | "random"
> = {
  cache: optional(nested(cacheLimitOptions)),
  sharedCache: optional(nested(sharedCacheOptions)),
  timeoutMs: orElse(milliseconds(), 30_000),
  standaloneStream: orElse(oneOf("pool", "refuse", "allow"), "pool"),
  silenceMs: optional(milliseconds()),
  sharedSessions: optional(oneOf("refuse", "allow")),
  ...runtimeOptions,
};

interface Wiring extends UserFetchOptions {
  readonly onEvent: OnEvent | undefined;
}

function access(tokens: Acquirer, sources: readonly TokenSource[], wiring: Wiring): UserAccess {
  const { resource, context: bound } = wiring;
  const close = (): Promise<void> => {
    wiring.streams?.close();
    return tokens.close();
  };
  return Object.freeze<UserAccess>({
    resource,
    get url() {
      return new URL(resource.url);
    },
    fetch: tracedFetch(sendAsUser(wiring), wiring),
    async token(context, options = {}) {
      const user = context ?? bound ?? getUserContext();
      return tokens.cachedToken(user) ?? (await tokens.acquire(user, options));
    },
    as: (context) => access(tokens, sources, { ...wiring, context }),
    explain: (context) => explain(resource, sources, tokens, context ?? bound ?? tryGetUserContext()),
    tokenCredential: (context, options) => userTokenCredential(resource, tokens, context ?? bound, options),
    forget: (context, token) => tokens.forget(context ?? bound ?? getUserContext(), token),
    close,
    [Symbol.asyncDispose]: close,
  });
}

function explain(
  resource: ProtectedResource,
  sources: readonly TokenSource[],
  tokens: Acquirer,
  context: UserContext | undefined,
): AccessExplanation {
  const skipped = new Map(
    context === undefined ? [] : tokens.skipped(context).map((skip) => [skip.source, skip]),
  );
  const refusals = context === undefined ? undefined : tokens.refusals(context);
  return {
    serverLabel: resource.serverLabel,
    url: resource.url,
    scopes: resource.scopes,
    audiences: resource.audiences,
    principal: context?.principalKey,
    sources: sources.map(({ kind, provesUser }) => {
      const skip = skipped.get(kind);
      if (context === undefined)
        return { source: kind, applies: false, detail: "there is no user context.", provesUser };
      const refusal = refusals?.get(kind);
      const refused = refusal === undefined ? undefined : `${refusal.message} ${refusal.help}`;
      const detail = skip?.detail ?? refused ?? "applies.";
      return { source: kind, applies: skip === undefined && refusal === undefined, detail, provesUser };
    }),
  };
}

/**
 * A credential for Azure SDK clients. Those keep one token each, so it is bound to the principal it was made
 * for: used in another user's context it throws `wrong_user`.
 *
 * A client that holds a valid token does not ask, whoever is there. So the token is said to be over at once:
 * every request asks here, where it is cached. Requests that start while the client waits for a token share it
 * without asking; only the policy sees those. Source: @azure/core-rest-pipeline, tokenCycler.
 */
function userTokenCredential(
  resource: ProtectedResource,
  acquirer: Acquirer,
  bound: UserContext = getUserContext(),
  options: TokenCredentialOptions = {},
): UserTokenCredential {
  const owner = bound.principalKey;
  if (owner === undefined)
    throw new HostedAgentIdentityError(
      "no_user_context",
      "A credential needs a user: this context names none.",
      noUserContextCauses.credential,
    );
  const { askAgain } = readOptions("tokenCredential", tokenCredentialOptions, options);
  /** The current context, if any, which has to be the owner's. */
  const userHere = (): UserContext => {
    const current = tryGetUserContext();
    if (current !== undefined && current.principalKey !== owner) {
      throw new HostedAgentIdentityError(
        "wrong_user",
        "This credential belongs to another user; make one client for each user.",
        wrongUserCauses.credential,
      );
    }
    return current ?? bound;
  };
  return Object.freeze<UserTokenCredential>({
    async getToken(scopes, { abortSignal: signal, claims } = {}) {
      const wanted = typeof scopes === "string" ? [scopes] : scopes;
      const own = resourceOfScope(resource.scopes[0] ?? "");
      const foreign = wanted.find((scope) => resourceOfScope(scope) !== own);
      if (foreign !== undefined) throw foreignScope(foreign, own);
      const user = userHere();
      signal?.throwIfAborted();
      const cached = claims === undefined ? acquirer.cachedToken(user) : undefined;
      const {
        token,
        expiresAt,
        useUntil = expiresAt,
      } = cached ?? (await acquirer.acquire(user, { signal, claims }));
      const keepUntil = askAgain === "at-expiry" ? Infinity : Date.now();
      return { token, expiresOnTimestamp: Math.min(expiresAt, useUntil, keepUntil) };
    },
    policy: Object.freeze<UserTokenCredential["policy"]>({
      name: "hosted-agent-identity/one-user",
      async sendRequest(request, next) {
        userHere();
        return next(request);
      },
    }),
  });
}

/** Quotes the scope's resource only: what names none may be anything, a secret in the wrong place included. */
function foreignScope(scope: string, own: string | undefined): HostedAgentIdentityError {
  const resource = resourceOfScope(scope);
  const wanted = resource === undefined ? "a scope that names no resource" : JSON.stringify(resource);
  return new HostedAgentIdentityError(
    "invalid_option",
    `The client asks for ${wanted}, this access is for ${JSON.stringify(own)}.`,
    invalidOptionCauses.otherResource,
  );
}

/** The options of `tokenCredential()`. */
export const tokenCredentialOptions: OptionTable<TokenCredentialOptions, "askAgain"> = {
  askAgain: orElse(oneOf("each-request", "at-expiry"), "each-request"),
};
