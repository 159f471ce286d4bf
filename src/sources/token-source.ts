import type { MadeConsentLink } from "../consent/consent-link.js";
import type { Assertion } from "../context/state.js";
import type { UserContext } from "../context/user-context.js";
import { allowsTenant, type EntraAppFacts } from "../entra/clouds.js";
import { audiencesOf } from "../entra/token-claims.js";
import type { ConsentRequest, HostedAgentIdentityError, SkipReason, SkippedSource } from "../errors.js";
import { made } from "../options/checks.js";
import type { OptionCheck } from "../options/option-table.js";
import type { ProtectedResource } from "./protected-resource.js";

/** An access token for a protected resource, and what is known about it. */
export interface AccessToken {
  /** The bearer token. Send it to the resource and nowhere else. */
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** When a new one should be fetched in the background, milliseconds since the epoch. */
  readonly refreshAt?: number | undefined;
  /**
   * Until when it may be handed out without asking its source again, where that is sooner than `expiresAt`:
   * a sign-in can be ended in another process. Milliseconds since the epoch.
   */
  readonly useUntil?: number | undefined;
  /** The kind of the source that gave it, for example `on_behalf_of`. */
  readonly source: string;
  /** It came out of the shared cache, without an exchange. */
  readonly shared?: boolean | undefined;
}

/** What a source is asked for. */
export interface TokenRequest {
  readonly context: UserContext;
  readonly assertion: Assertion | undefined;
  readonly resource: ProtectedResource;
  /** Sorted and fully qualified: the resource's own, or the union after a step-up. */
  readonly scopes: readonly string[];
  /** A claims challenge that the token must meet, as a JSON string. */
  readonly claims: string | undefined;
  /** Aborts when the acquisition as a whole is over, not when one of its callers is. */
  readonly signal: AbortSignal;
  /** An earlier source has found a way to ask the user: give a token, or skip with `needs_interaction`. */
  readonly silent?: boolean;
}

/**
 * What a source answers. `needs` is a refusal that the user can end (consent, sign-in, step-up): a later
 * source is asked then, but may only answer silently. Anything else is thrown.
 */
export type TokenAnswer =
  | { readonly status: "token"; readonly token: AccessToken }
  | { readonly status: "skipped"; readonly reason: SkipReason; readonly detail: string }
  | {
      readonly status: "needs";
      readonly error: HostedAgentIdentityError;
      readonly requests: readonly ConsentRequest[];
    };

/** A page that the server of a resource asks a user to open. */
export interface ElicitationPage {
  readonly context: UserContext;
  readonly resource: ProtectedResource;
  readonly url: string;
  /** Why, in the server's words. */
  readonly message: string;
}

/**
 * A way from a user context to an access token for a protected resource. Made by `passthrough()`,
 * `onBehalfOf()` and `developer()`.
 * @group Tokens
 */
export interface TokenSource {
  /** The name used in `explain()`, events and errors. */
  readonly kind: string;
  /** Whether every token it gives is proven to be the user's own before it is used. */
  readonly provesUser: boolean;
  /** What sets its tokens apart from another source's in the cache: cloud, client id. Not secret. */
  readonly cacheScope: string;
  /** Whether its tokens hang on the user token (then the assertion's hash is part of the cache key). */
  readonly usesAssertion: boolean;
  /** Whether its tokens may be kept in the cache at all. */
  readonly cached: boolean;
  /** Why it does not apply, without asking anybody; `undefined` when it applies. */
  skip(request: TokenRequest): { readonly reason: SkipReason; readonly detail: string } | undefined;
  /** What `acquire` would be refused with, as far as that is known without asking anybody: for `explain()`. */
  refusal?(request: TokenRequest): HostedAgentIdentityError | undefined;
  acquire(request: TokenRequest): Promise<TokenAnswer>;
  /**
   * Whether tokens that are kept for this user may still be given. For sources whose app has a function as
   * `allowedTenants`; left out, they may.
   */
  readonly allows?: ((context: UserContext) => boolean | Promise<boolean>) | undefined;
  /** For a source that keeps tokens itself: this one (or every one) of a principal is not to be given again. */
  forget?(principalKey: string, token: string | undefined): void;
  /** Tells when a principal signed in or out, so that what is cached is dropped. Returns how to stop. */
  subscribe?(changed: (principalKey: string) => void): () => void;
  /**
   * Makes the link to a page that shows a URL, which the resource's server asks the user to open, to that user only.
   * Without a source that does, the URL itself is shown.
   */
  pageFor?(page: ElicitationPage): Promise<MadeConsentLink>;
}

/** A source, for `userAccess()`. */
export const sourceOption: OptionCheck<TokenSource> = made<TokenSource>(
  "a token source, for example what onBehalfOf() returned",
  { kind: "string", cacheScope: "string", skip: "function", acquire: "function" },
);

const owners = new WeakMap<TokenSource, object>();

/**
 * Says of a source of ours that what it gives a user hangs on the user token, the audiences and scopes of the resource,
 * and on nothing else of it: one token serves every server that has the same. Only this very object is meant, and not
 * a copy with something changed.
 */
export function sameForAllServers(source: TokenSource, owner: object): TokenSource {
  owners.set(source, owner);
  return source;
}

/** Whose tokens are the same for all servers; `undefined` where they may belong to one. */
export function ownerOfTokens(source: TokenSource): object | undefined {
  return owners.get(source);
}

/** What {@link TokenSource.allows} is for a source whose users come with a token of their tenant. */
export function tenantGate(facts: EntraAppFacts): TokenSource["allows"] {
  if (typeof facts.allowedTenants !== "function") return undefined;
  return ({ user }) => user === undefined || allowsTenant(facts, user.tid);
}

/**
 * Why a source is not asked. A token for some resource may come from that resource itself. So it opens no other
 * resource, whatever a source would say, one of the developer's own included.
 */
export function skipOf(
  source: TokenSource,
  request: TokenRequest,
): Omit<SkippedSource, "source"> | undefined {
  const { assertion, resource } = request;
  if (assertion?.use === "resource") {
    const [actual] = audiencesOf(assertion.claims);
    if (actual === undefined || !resource.audiences.includes(actual))
      return {
        reason: "wrong_audience",
        detail: `the user token is for the resource ${JSON.stringify(actual)}, and opens no other one.`,
      };
  }
  return source.skip(request);
}
