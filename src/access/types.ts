import type { FetchLike } from "../runtime/runtime.js";
import type { UserContext } from "../context/user-context.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import type { AccessToken } from "../sources/token-source.js";

/** Headers in any of the forms `fetch` takes. */
export type RequestHeaders = NonNullable<RequestInit["headers"]>;

/** What one source would do for a user, found without a network call. */
export interface SourceExplanation {
  readonly source: string;
  readonly applies: boolean;
  /** Expected and actual values and what to change; safe to log. */
  readonly detail: string;
  /** Whether its tokens are proven to be the user's own before use. */
  readonly provesUser: boolean;
}

/** Why a user gets, or does not get, a token for a resource. Holds no token; safe to log. */
export interface AccessExplanation {
  readonly serverLabel: string;
  readonly url: string;
  readonly scopes: readonly string[];
  /** The audiences that a token for the resource may have. Empty for a toolbox: Foundry gets the tokens of its tools. */
  readonly audiences: readonly string[];
  /** `undefined` when the request identifies no user. */
  readonly principal: string | undefined;
  readonly sources: readonly SourceExplanation[];
}

/**
 * The part of `TokenCredential` of `@azure/core-auth` that clients call. `expiresOnTimestamp` is until when the
 * client may use the token without asking again, in milliseconds since the epoch.
 */
export interface UserTokenCredential {
  getToken(
    scopes: string | string[],
    options?: { abortSignal?: AbortSignal | undefined; claims?: string | undefined },
  ): Promise<{ token: string; expiresOnTimestamp: number }>;
  /** For `additionalPolicies` of the client: refuses each request of another user before anything is sent. */
  readonly policy: OneUserPolicy;
}

/** The part of `PipelinePolicy` of `@azure/core-rest-pipeline` that a client calls. */
export interface OneUserPolicy {
  readonly name: string;
  sendRequest<T, R>(request: T, next: (request: T) => Promise<R>): Promise<R>;
}

/** How a credential for Azure SDK clients behaves. */
export interface TokenCredentialOptions {
  /**
   * `each-request` (default) lets the client ask before each request, which is answered from the cache here: so a
   * request in another user's context is noticed. `at-expiry` lets it keep the token, for clients that hold
   * one connection (AMQP) and renew by a timer; of a sign-in within a minute, because it can be ended elsewhere.
   */
  readonly askAgain?: "each-request" | "at-expiry";
}

/**
 * A protected resource joined with its token sources: what a transport is given. Every call acts as the
 * user of the current context.
 *
 * Entry point: `hosted-agent-identity`. Made by `userAccess()`.
 * @group Tokens
 */
export interface UserAccess {
  readonly resource: ProtectedResource;
  /** The resource's URL, for transports that take a `URL`. A new object each time. */
  readonly url: URL;
  /**
   * Sends a request to the resource as the current user. Give it to a transport. URL, headers and options are read
   * once, when it is called; `Authorization` and `Host` are set here, whatever was given.
   */
  readonly fetch: FetchLike;
  /** An access token for the current or given user. Cached; safe to call for each request. */
  token(context?: UserContext, options?: { signal?: AbortSignal }): Promise<AccessToken>;
  /** The same access bound to one context, for code that loses the async context. */
  as(context: UserContext): UserAccess;
  /** What each source would do for the current or given user. Makes no network call. */
  explain(context?: UserContext): AccessExplanation;
  /**
   * A credential for Azure SDK clients, bound to the principal of the current or given context. Make one client
   * for each user: used in another user's context it throws `wrong_user`.
   */
  tokenCredential(context?: UserContext, options?: TokenCredentialOptions): UserTokenCredential;
  /**
   * Drops the current or given user's cached tokens, or the given one only. Without a token also what the user
   * was refused; nothing that is being fetched meanwhile is kept, and a pooled MCP client of theirs is replaced.
   */
  forget(context?: UserContext, token?: string): void;
  /** Stops timers and forgets every token. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
