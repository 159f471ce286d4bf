import { settleOrAbort } from "../async/deadline.js";
import { rememberForRequest } from "../context/ambient.js";
import type { Principal } from "../context/principal.js";
import { UserContext, type PlatformContext, internalsOf, contextSlot } from "../context/user-context.js";
import { isUserTokenError, UserTokenError } from "../errors.js";
import { isGuid } from "../entra/clouds.js";
import { emit, listener, type OnEvent } from "../events/events.js";
import { environmentOption, foundryEnvironment, type FoundryEnvironment } from "../foundry/environment.js";
import {
  clientHeaderPrefix,
  defaultUserTokenHeader,
  platformHeaders,
  traceHeaders,
} from "../foundry/headers.js";
import { abortSignal, check, either, flag, func, oneOf, optional, orElse, text } from "../options/checks.js";
import { invalid } from "../options/invalid.js";
import { readOptions, type OptionCheck, type OptionTable } from "../options/option-table.js";
import type { UserTokenVerifier, VerifiedUserToken } from "../user-token/verify.js";
import { headerPairs, type HeaderPairs, type HeadersLike, valuesOf } from "./calling-host.js";

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
   * Not true for a back end that calls with its own identity and sends no `x-ms-user-identity`, nor for routines.
   */
  readonly platformUserId?: "one-person";
  /**
   * Whether a turn is without a person, such as a routine's. Asked in the hosted environment, for requests without a user
   * token. `true`: nobody is there. The turn owns nothing and makes no link, whatever `platformUserId` says. With the
   * account of the person whose work it is, the turn uses the grant of that person's sign-in, and its links are for that
   * account only. Decide by `platform.userId`: whatever else a request brings, its sender may have written.
   */
  readonly unattended?: (platform: PlatformContext) => boolean | TurnOwner;
  /** Default: read from `process.env`. */
  readonly environment?: FoundryEnvironment;
  /**
   * Gets `user_token_refused` for requests with a repeated user token, or a repeated or malformed identity header.
   * For a token that is itself refused, `userTokenVerifier()` raises it.
   */
  readonly onEvent?: OnEvent;
}

/**
 * The Entra account of the person for whom an unattended turn works.
 * @group Context
 */
export interface TurnOwner {
  readonly tid: string;
  readonly oid: string;
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

/**
 * The name of the header that carries the user token: an `x-client-*` header, the only ones that reach a hosted
 * agent, or `authorization` for other front ends.
 */
const tokenHeaderOption: OptionCheck<string> = orElse(
  text('a lower-case x-client-* header or "authorization"', /^(?:authorization|x-client-[a-z0-9-]+)$/),
  defaultUserTokenHeader,
);

/** The options of `userContext()`, here and in the adapters. */
export const userContextOptions: OptionTable<UserContextOptions, "tokenHeader"> = {
  verify: either(func<UserTokenVerifier>("what userTokenVerifier() returned"), oneOf("none")),
  tokenHeader: tokenHeaderOption,
  require: optional(flag),
  platformUserId: optional(oneOf("one-person")),
  unattended: optional(func<NonNullable<UserContextOptions["unattended"]>>()),
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
    .map((request) => contextSlot.byRequest.get(request))
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
  settings: UserContextSettings,
): Promise<UserContext> {
  const { verify, require, platformUserId, secretHeaders, environment, onEvent } = settings;
  const platform = telling(onEvent, () => platformContext(pairs, environment));
  if (token === undefined && require === true) throw new UserTokenError("user_token_missing");
  const verified = token === undefined || verify === "none" ? undefined : await verify(token);
  const unattended = verified === undefined && platform.hosted ? settings.unattended?.(platform) : undefined;
  const isPerson = unattended === undefined || unattended === false;
  const declared =
    isPerson && platformUserId === "one-person" ? platformPrincipal(platform, environment) : undefined;
  const owner = isPerson ? declared : ownerPrincipal(unattended);
  const principal = verified === undefined ? owner : provenPrincipal(verified);
  return new UserContext({
    principal,
    user: verified?.user,
    platform,
    clientHeaders: clientHeaders(pairs, secretHeaders),
    trace: traceContext(pairs),
    assertion: verified?.assertion,
    unidentified:
      principal !== undefined ? undefined : isPerson ? whyUnidentified(platform, settings) : unattendedTurn,
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

const unattendedTurn =
  "Nobody is there in this turn, as unattended says, so nobody's sign-in is used and no link is made. " +
  "To let it work for a person who has signed in, return that person's { tid, oid } from unattended.";

/** An account that is named in full; `undefined` for no owner. Throws `invalid_option` for anything else. */
function ownerPrincipal(owner: unknown): Principal | undefined {
  if (owner === true) return undefined;
  const { tid, oid } = Object(owner) as Readonly<Record<string, unknown>>;
  if (!isGuid(tid) || !isGuid(oid))
    throw invalid("userContext: unattended", "expected true, false, or { tid, oid } with two GUIDs.");
  return { kind: "entra", tid: tid.toLowerCase(), oid: oid.toLowerCase() };
}

/** Which header, option or environment variable is missing, for the error message. */
function whyUnidentified(
  { hosted, userId }: PlatformContext,
  { verify, tokenHeader, platformUserId, environment }: UserContextSettings,
): string {
  const isDeclared = platformUserId === "one-person";
  const { userId: idHeader } = platformHeaders;
  const missing = missingVariables(environment);
  if (isDeclared && missing.length > 0) {
    return (
      `platformUserId is "one-person", but a platform user id names nobody here: ${missing.join(" and ")} not set. ` +
      "The platform sets them in a hosted container; anywhere else its headers are not believed."
    );
  }
  const noToken =
    verify === "none"
      ? 'No user token is read (verify is "none")'
      : `There is no user token in ${tokenHeader}`;
  if (!hosted)
    return `${noToken}, and outside the hosted environment (FOUNDRY_HOSTING_ENVIRONMENT is not set) ${idHeader} is not believed.`;
  if (userId === undefined) return `${noToken}, and the request has no ${idHeader} header.`;
  return `${noToken}, and ${idHeader} may stand for more than one person: platformUserId is not "one-person".`;
}

/** The variables without which no platform user id names a user. */
function missingVariables({ hosted, projectEndpoint, agentName }: FoundryEnvironment): readonly string[] {
  return Object.entries({
    FOUNDRY_HOSTING_ENVIRONMENT: hosted,
    FOUNDRY_PROJECT_ENDPOINT: projectEndpoint !== undefined,
    FOUNDRY_AGENT_NAME: agentName !== undefined,
  }).flatMap(([name, isSet]) => (isSet ? [] : [name]));
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

/**
 * The headers that the middleware removes. Also the default one when another is configured: a caller may send both.
 */
function secretHeaders(tokenHeader: string): readonly string[] {
  return [...new Set([tokenHeader, defaultUserTokenHeader])];
}

/** The user token of a request, or `undefined`. Throws `user_token_repeated` for more than one. */
function userTokenOf(pairs: HeaderPairs, tokenHeader: string): string | undefined {
  const values = valuesOf(pairs, tokenHeader);
  // Two headers joined on the way look like one with a comma, which no token has.
  if (values.length > 1 || values[0]?.includes(",")) throw new UserTokenError("user_token_repeated");
  // The lookbehind keeps a long run of white space from taking quadratic time.
  const token = values[0]?.replace(/^[ \t]*(?:bearer[ \t]+)?/i, "").replace(/(?<![ \t])[ \t]+$/, "");
  return token === "" ? undefined : token;
}

/**
 * What the platform says about the request. Read only in the hosted environment, where every request comes through
 * its gateway; elsewhere any caller could have written these headers.
 */
function platformContext(pairs: HeaderPairs, environment: FoundryEnvironment): PlatformContext {
  const { hosted, sessionId } = environment;
  const named = hosted
    ? Object.entries(platformHeaders).flatMap(([field, header]) => {
        const value = platformId(pairs, header);
        return value === undefined ? [] : [[field, value] as const];
      })
    : [];
  return { hosted, sessionId, ...Object.fromEntries(named) };
}

function platformId(pairs: HeaderPairs, header: string): string | undefined {
  const values = valuesOf(pairs, header);
  if (values.length > 1 || values[0]?.includes(",")) {
    throw new UserTokenError("identity_header_repeated", `The header ${header} came more than once.`);
  }
  const [value = ""] = values;
  if (value === "") return undefined;
  if (/^[\x21-\x7e]{1,512}$/.test(value)) return value;
  throw new UserTokenError(
    "identity_header_invalid",
    `The header ${header} has a value that cannot be an id.`,
  );
}

/** The caller's own `x-client-*` headers, without those that may hold a user token. */
function clientHeaders(pairs: HeaderPairs, secret: readonly string[]): Record<string, string> {
  return joined(pairs, (name) => name.startsWith(clientHeaderPrefix) && !secret.includes(name));
}

/** The tracing headers of a request. */
function traceContext(pairs: HeaderPairs): Record<string, string> {
  return joined(pairs, (name) => traceHeaders.includes(name));
}

function joined(pairs: HeaderPairs, wanted: (name: string) => boolean): Record<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of pairs) {
    if (!wanted(name)) continue;
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries(values);
}
