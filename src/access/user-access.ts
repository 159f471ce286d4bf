import { getUserContext, tryGetUserContext } from "../context/ambient.js";
import type { UserContext } from "../context/user-context.js";
import { list, milliseconds, oneOf, optional, orElse } from "../options/checks.js";
import { clocksOf } from "../async/clocks.js";
import { invalid } from "../options/invalid.js";
import { type OnEvent } from "../events/events.js";
import { nested, readOptions, type OptionTable } from "../options/option-table.js";
import { acquirer, type Acquirer } from "../tokens/acquire.js";
import { resourceOption, type ProtectedResource } from "../sources/protected-resource.js";
import { sharedCacheOptions, type SharedCacheOptions } from "../tokens/shared-cache-state.js";
import { cacheLimitOptions, type TokenCacheLimits } from "../tokens/token-cache.js";
import { sourceOption, type TokenSource } from "../sources/token-source.js";
import { tracedAcquirer } from "../tokens/traced-acquirer.js";
import { sendAsUser, type UserFetchOptions } from "./fetch.js";
import { challengeBudget } from "./challenge-budget.js";
import { sessionOwners } from "./sessions.js";
import { userTokenCredential } from "./token-credential.js";
import type { AccessExplanation, UserAccess } from "./types.js";
import { urlMatch } from "./url-match.js";
import { tracedFetch } from "./traced-fetch.js";
import { type Runtime, runtimeOptions } from "../runtime/runtime.js";
import { fraction } from "../runtime/random.js";

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
   * `refuse` (default) answers a standalone GET stream with 405 and `subscriptions/listen` with an error:
   * they would stay bound to whoever connected first. `allow` where each user has a client of their own.
   */
  readonly standaloneStream?: "refuse" | "allow";
  /** `allow` lets several users share one MCP session. Default `refuse` (`shared_session`). */
  readonly sharedSessions?: "refuse" | "allow";
}

/**
 * Joins a protected resource with the ways to a token for it, in the order they are tried. Throws
 * `invalid_option`. What it returns throws `no_user_context`, `context_ended`, `no_token`,
 * `consent_required`, `url_not_allowed`, `redirect_refused`, `shared_session`, `resource_unauthorized`,
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
  const refusals = challengeBudget(clocksOf(now).age);
  const acquiring = acquirer({
    resource,
    sources: [...sources],
    cache: settings.cache,
    sharedCache: settings.sharedCache,
    timeoutMs: settings.timeoutMs,
    now,
    random: () => fraction(settings.random),
    onEvent,
    onForget: (principalKey) => refusals.forget(principalKey),
  });
  const tokens = tracedAcquirer(acquiring, { serverLabel: resource.serverLabel, onEvent, sources });
  return access(tokens, sources, {
    resource,
    acquirer: tokens,
    matches: urlMatch(resource.url),
    sessions: settings.sharedSessions === "allow" ? undefined : sessionOwners(),
    refusals,
    refuseStandaloneStream: settings.standaloneStream !== "allow",
    fetch,
    context: undefined,
    onEvent,
  });
}

/** The options of {@link userAccess}. */
export const userAccessOptions: OptionTable<UserAccessOptions, "timeoutMs" | "fetch" | "now" | "random"> = {
  cache: optional(nested(cacheLimitOptions)),
  sharedCache: optional(nested(sharedCacheOptions)),
  timeoutMs: orElse(milliseconds(), 30_000),
  standaloneStream: optional(oneOf("refuse", "allow")),
  sharedSessions: optional(oneOf("refuse", "allow")),
  ...runtimeOptions,
};

interface Wiring extends UserFetchOptions {
  readonly onEvent: OnEvent | undefined;
}

function access(tokens: Acquirer, sources: readonly TokenSource[], wiring: Wiring): UserAccess {
  const { resource, context: bound } = wiring;
  const close = (): Promise<void> => tokens.close();
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
