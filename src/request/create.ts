import { environmentOption, foundryEnvironment, type FoundryEnvironment } from "../foundry/environment.js";
import { abortSignal, check, either, flag, func, oneOf, optional } from "../options/checks.js";
import { emit, listener, type OnEvent } from "../events/events.js";
import { invalid } from "../options/invalid.js";
import { isUserTokenError, UserTokenError } from "../errors.js";
import { readOptions, type OptionCheck, type OptionTable } from "../options/option-table.js";
import { rememberForRequest } from "../context/ambient.js";
import { headerPairs, type HeaderPairs, type HeadersLike } from "./header-pairs.js";
import { internalsOf } from "../context/internals.js";
import {
  clientHeaders,
  platformContext,
  secretHeaders,
  traceContext,
  tokenHeaderOption,
  userTokenOf,
} from "./parse.js";
import type { Principal } from "../context/principal.js";
import { settleOrAbort } from "../async/settle-or-abort.js";
import { contextSlot } from "../context/slot.js";
import { UserContext, type PlatformContext } from "../context/user-context.js";
import type { UserTokenVerifier, VerifiedUserToken } from "../user-token/verify.js";

/** How a request becomes a user context. */
export interface UserContextOptions {
  /**
   * What `userTokenVerifier()` returned. `none` for an agent that takes no user tokens, because a toolbox or sign-in
   * knows the user: a token on the request is removed and ignored.
   */
  readonly verify: UserTokenVerifier | "none";
  /** Where the token is: a lower-case `x-client-*` header or `authorization`. Default `x-client-user-token`. */
  readonly tokenHeader?: string;
  /** Refuse requests without a user token. Default false: go on, and fail when a token is needed. */
  readonly require?: boolean;
  /**
   * Declares that each `x-agent-user-id` of the platform stands for one person, so that grants can be kept under it.
   * Not true for a back end that calls with its own identity and sends no `x-ms-user-identity`.
   */
  readonly platformUserId?: "one-person";
  /** Default: read from `process.env`. */
  readonly environment?: FoundryEnvironment;
  /**
   * Gets `user_token_refused` for requests with a repeated user token, or a repeated or malformed identity header.
   * For a token that is itself refused, `userTokenVerifier()` raises it.
   */
  readonly onEvent?: OnEvent;
}

/**
 * Creates a user context from the headers of a request or from a user token, for workers, sockets and tests.
 * Middleware does this for HTTP. End it with `context.end()`, or by `using`.
 *
 * Throws {@link UserTokenError} for a missing required token, a token that is refused, and repeated or malformed
 * platform headers; `invalid_option`.
 *
 * Entry point: `hosted-agent-identity`.
 *
 * @example
 * ```ts
 * import { createUserContext, runWithUserContext, type UserContextOptions } from "hosted-agent-identity";
 *
 * export async function onMessage(message: { userToken: string }, options: UserContextOptions): Promise<void> {
 *   const context = await createUserContext({ userToken: message.userToken }, options);
 *   try {
 *     await runWithUserContext(context, async () => console.log(context.user?.oid));
 *   } finally {
 *     context.end();
 *   }
 * }
 * ```
 * @group Context
 */
export async function createUserContext(
  input: HeadersLike | { readonly userToken: string | undefined },
  options: CreateUserContextOptions,
): Promise<UserContext> {
  inputCheck.read(input, "createUserContext: input");
  const settings = readOptions("createUserContext", createUserContextOptions, options);
  const given = completed("createUserContext", settings);
  settings.signal?.throwIfAborted();
  const context = async (): Promise<UserContext> => {
    if (isUserToken(input)) return contextOf([], input.userToken, given);
    const pairs = headerPairs(input);
    const token = telling(given.onEvent, () => userTokenOf(pairs, given.tokenHeader));
    return contextOf(pairs, token, given);
  };
  return settleOrAbort(context(), settings.signal);
}

/** How one context is made. */
export interface CreateUserContextOptions extends UserContextOptions {
  /** Stops waiting for signing keys. Other requests that wait for them go on. */
  readonly signal?: AbortSignal;
}

/** {@link UserContextOptions}, checked and complete. */
export interface UserContextSettings extends UserContextOptions {
  readonly tokenHeader: string;
  /** Headers to take off the request before anything else sees it. */
  readonly secretHeaders: readonly string[];
  readonly environment: FoundryEnvironment;
}

/** The options of `userContext()`, here and in the adapters. */
export const userContextOptions: OptionTable<UserContextOptions, "tokenHeader"> = {
  verify: either(func<UserTokenVerifier>("what userTokenVerifier() returned"), oneOf("none")),
  tokenHeader: tokenHeaderOption,
  require: optional(flag),
  platformUserId: optional(oneOf("one-person")),
  environment: environmentOption,
  onEvent: listener,
};

/** The options of {@link createUserContext}. */
export const createUserContextOptions: OptionTable<CreateUserContextOptions, "tokenHeader"> = {
  ...userContextOptions,
  signal: optional(abortSignal),
};

/** Checks the options once, when a middleware is made. Throws `invalid_option`. */
export function userContextSettings(options: UserContextOptions): UserContextSettings {
  return completed("userContext", readOptions("userContext", userContextOptions, options));
}

function completed(
  factory: string,
  settings: UserContextOptions & { readonly tokenHeader: string },
): UserContextSettings {
  const { verify, require, tokenHeader, environment = foundryEnvironment(process.env) } = settings;
  if (verify === "none" && require === true)
    throw invalid(
      `${factory}: require`,
      'expected false, because with verify "none" no request has a user token.',
    );
  return { ...settings, secretHeaders: secretHeaders(tokenHeader), environment };
}

const inputCheck: OptionCheck<object> = check<object>(
  "mixed",
  "headers, or an object with userToken",
  (input: object) =>
    typeof input === "object" &&
    ("userToken" in input || Symbol.iterator in input || Object.keys(input).length >= 0),
);

/**
 * The context of one HTTP request, remembered by its request objects. When a second middleware runs for the
 * same request, the token is off the headers already: it verifies the first one's again, by its own rules.
 */
export async function contextOfRequest(
  pairs: HeaderPairs,
  requests: readonly object[],
  settings: UserContextSettings,
): Promise<UserContext> {
  const earlier = requests
    .map((request) => contextSlot<UserContext>().byRequest.get(request))
    .find((one) => one !== undefined);
  const token =
    telling(settings.onEvent, () => userTokenOf(pairs, settings.tokenHeader)) ??
    (earlier === undefined ? undefined : internalsOf(earlier).assertion?.token);
  const context = await contextOf(pairs, token, settings);
  for (const request of requests) rememberForRequest(request, context);
  return context;
}

async function contextOf(
  pairs: HeaderPairs,
  token: string | undefined,
  { verify, require, platformUserId, secretHeaders, environment, onEvent }: UserContextSettings,
): Promise<UserContext> {
  const platform = telling(onEvent, () => platformContext(pairs, environment));
  if (token === undefined && require === true) throw new UserTokenError("user_token_missing");
  const verified = token === undefined || verify === "none" ? undefined : await verify(token);
  const isDeclared = platformUserId === "one-person";
  const declared = isDeclared ? platformPrincipal(platform, environment) : undefined;
  return new UserContext({
    principal: verified === undefined ? declared : provenPrincipal(verified),
    user: verified?.user,
    platform,
    clientHeaders: clientHeaders(pairs, secretHeaders),
    trace: traceContext(pairs),
    assertion: verified?.assertion,
    unidentified: isDeclared ? missingFor(environment) : undefined,
  });
}

/** Reads headers, and raises an event for those that are refused: they may be an attempt at impersonation. */
function telling<T>(onEvent: OnEvent | undefined, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (isUserTokenError(error))
      emit(onEvent, { type: "user_token_refused", code: error.code, category: error.category });
    throw error;
  }
}

/** The settings without which no platform user id names a user, for the error message. */
function missingFor({ hosted, projectEndpoint, agentName }: FoundryEnvironment): string | undefined {
  const missing = Object.entries({
    FOUNDRY_HOSTING_ENVIRONMENT: hosted,
    FOUNDRY_PROJECT_ENDPOINT: projectEndpoint !== undefined,
    FOUNDRY_AGENT_NAME: agentName !== undefined,
  }).flatMap(([name, isSet]) => (isSet ? [] : [name]));
  if (missing.length === 0) return undefined;
  return (
    `platformUserId is "one-person", but a platform user id names nobody here: ${missing.join(" and ")} not set. ` +
    "The platform sets them in a hosted container; anywhere else its headers are not believed."
  );
}

/** A token for a resource is weaker proof, and so another principal: the resource's server could have sent it. */
function provenPrincipal({ user: { tid, oid }, assertion }: VerifiedUserToken): Principal {
  switch (assertion.use) {
    case "app":
      return { kind: "entra", tid, oid };
    case "resource":
      return { kind: "resource", tid, oid, audience: assertion.audience };
  }
}

/** Without project and agent the id could mean different people in different places, so it names no user. */
function platformPrincipal(
  { userId }: PlatformContext,
  { hosted, projectEndpoint, agentName }: FoundryEnvironment,
): Principal | undefined {
  if (!hosted || userId === undefined || projectEndpoint === undefined || agentName === undefined) {
    return undefined;
  }
  return { kind: "platform", project: projectEndpoint, agent: agentName, id: userId };
}

function isUserToken(
  input: HeadersLike | { readonly userToken: string | undefined },
): input is { readonly userToken: string | undefined } {
  return "userToken" in input && !(Symbol.iterator in input);
}
