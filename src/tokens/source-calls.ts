import { boundedMap, expiringMap } from "../async/bounded-map.js";
import { clocksOf } from "../async/clocks.js";
import { withDeadline } from "../async/deadline.js";
import { runWithoutUserContext } from "../context/ambient.js";
import { isBearerToken } from "../entra/token-claims.js";
import { joinClaims } from "../entra/claims-request.js";
import {
  ConsentRequiredError,
  HostedAgentIdentityError,
  isConsentRequiredError,
  isHostedAgentIdentityError,
  isTokenExchangeError,
  NoTokenError,
  UserTokenError,
  type SkippedSource,
  type TokenExchangeError,
} from "../errors.js";
import { entraBadResponseCauses, entraTimeoutCauses } from "../errors/causes/tokens.js";
import { wrongTokens } from "../errors/causes/user-token.js";
import { emit, type OnEvent } from "../events/events.js";
import { digest } from "../sealing/digest.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import {
  type AccessToken,
  type TokenAnswer,
  type TokenRequest,
  type TokenSource,
  skipOf,
} from "../sources/token-source.js";
import type { MayKeep, SharedBetweenServers } from "./token-home.js";
import type { SharedCacheOptions } from "./shared-cache-state.js";
import { sharedCache, type AcceptShared, type SharedCache } from "./shared-cache.js";

/** What the calls to the sources of one access are made with. */
export interface SourceCallsOptions {
  readonly resource: ProtectedResource;
  readonly sources: readonly TokenSource[];
  readonly sharedCache?: SharedCacheOptions | undefined;
  /** How long one acquisition may take altogether, in milliseconds. */
  readonly timeoutMs: number;
  readonly now: () => number;
  readonly onEvent: OnEvent | undefined;
}

/** What may come of the calls, beside a token. */
export interface HowToAsk {
  /** Which tokens of the shared cache will do. */
  readonly accept: AcceptShared;
  /** Whether the principal was not forgotten meanwhile, so that what was learned may be remembered. */
  readonly mayKeep: MayKeep;
  /** Where what some sources give is kept for all accesses, and under which key. */
  readonly share: ShareWith | undefined;
}

interface ShareWith extends SharedBetweenServers {
  readonly key: string;
  /** Which tokens that another access has fetched will do. */
  readonly acceptKept: AcceptShared;
}

/** The sources of one access, and everything that may keep them from being asked. */
export interface SourceCalls {
  /** A token from the shared cache or the first source that gives one, within the time. */
  token(request: Omit<TokenRequest, "signal">, how: HowToAsk): Promise<AccessToken>;
  /** The resource refused this token, which may have been given for such a request. */
  forgetToken(request: Omit<TokenRequest, "signal">, token: string): void;
  /** Nothing that a principal was given or refused holds any more. */
  forgetPrincipal(principalKey: string): void;
  /** Whether tokens may come from the shared cache. */
  readonly shared: boolean;
  close(): Promise<void>;
}

/** Asks with no user context at hand, under one deadline that no caller's leaving shortens. */
export function sourceCalls(options: SourceCallsOptions): SourceCalls {
  const { resource, now, onEvent } = options;
  const { age } = clocksOf(now);
  const state: CallsState = {
    options,
    age,
    sharedTokens: options.sharedCache && sharedCache({ ...options.sharedCache, resource, now, onEvent }),
    failedStepUps: failedStepUps(age),
    fallbacks: fallbackSources(),
  };
  const { sharedTokens, fallbacks } = state;
  return {
    token: (request, how) => tokenInTime(state, request, how),
    forgetToken: (request, token) => sharedTokens?.forgetToken(options.sources, request, token),
    forgetPrincipal(principalKey) {
      sharedTokens?.forgetPrincipal(principalKey);
      state.failedStepUps.forgetPrincipal(principalKey);
      for (const [key, fallback] of fallbacks) if (fallback.principal === principalKey) fallbacks.delete(key);
    },
    shared: sharedTokens !== undefined,
    async close() {
      state.failedStepUps.clear();
      await sharedTokens?.close();
    },
  };
}

/** What the calls of one access share. */
interface CallsState {
  readonly options: SourceCallsOptions;
  readonly age: () => number;
  readonly sharedTokens: SharedCache | undefined;
  readonly failedStepUps: FailedStepUps;
  readonly fallbacks: FallbackSources;
}

async function tokenInTime(
  state: CallsState,
  asked: Omit<TokenRequest, "signal">,
  how: HowToAsk,
): Promise<AccessToken> {
  const { age, fallbacks } = state;
  const { sources, timeoutMs, resource, onEvent } = state.options;
  const { serverLabel } = resource;
  const principal = asked.context.principalKey ?? "null";
  const started = age();
  const timedOut = (): Error =>
    new HostedAgentIdentityError(
      "entra_timeout",
      `No token within ${timeoutMs} ms.`,
      entraTimeoutCauses.access,
    );
  const { mayKeep } = how;
  // What an earlier source was refused with, or who stood in for it, is of this access.
  const isShared = (source: TokenSource, { claims }: TokenRequest): boolean =>
    how.share?.sources.includes(source) === true && claims === asked.claims;
  const ask: SourceRound["ask"] = (source, request) =>
    how.share !== undefined && isShared(source, request)
      ? askTogether(state, source, request, how, how.share)
      : askOne(state, source, request, how);
  const fromSources = (signal: AbortSignal): Promise<AccessToken> =>
    askSources({ sources, request: { ...asked, signal }, principal, fallbacks, mayKeep, ask });
  try {
    const token = await runWithoutUserContext(() =>
      withDeadline(timeoutMs, undefined, timedOut, fromSources),
    );
    if (!isBearerToken(token.token)) throw notSendable(token.source);
    emit(onEvent, {
      type: "token_acquired",
      source: token.source,
      serverLabel,
      durationMs: Math.round(age() - started),
      ...(token.shared === true ? { shared: true } : {}),
    });
    return token;
  } catch (cause) {
    if (isHostedAgentIdentityError(cause)) reportRefusal(state, cause);
    throw cause;
  }
}

/**
 * Asks a source whose tokens serve other servers, too: accesses that want the same token wait for one call. What is not
 * a token is said to the server or the user of one access, so the next one asks for itself, unless Entra has refused.
 */
async function askTogether(
  state: CallsState,
  source: TokenSource,
  request: TokenRequest,
  how: HowToAsk,
  { home, sources, key, acceptKept }: ShareWith,
): Promise<TokenAnswer> {
  const { principalKey = "null" } = request.context;
  const flight = `${sources.indexOf(source)} ${key}`;
  // What is kept is for users who may still come.
  if (source.allows !== undefined && !(await source.allows(request.context)))
    return askOne(state, source, request, how);
  for (let tries = 0; tries < maxJoins; tries += 1) {
    const kept = home.cache.live(key)?.token;
    if (kept?.source === source.kind && acceptKept(kept)) return { status: "token", token: kept };
    let own: AbortController | undefined;
    const work = home.inFlight.join(principalKey, flight, async (mayKeepAtHome) => {
      own = new AbortController();
      const mayKeep: MayKeep = (token) => how.mayKeep(token) && mayKeepAtHome(token);
      const asked = { ...request, signal: own.signal };
      const answer = await askOne(state, source, asked, { ...how, mayKeep });
      if (answer.status !== "token" || !isBearerToken(answer.token.token)) return answer;
      if (mayKeep(answer.token.token)) home.keep(key, principalKey, answer.token);
      return answer;
    });
    const isOwn = own !== undefined;
    try {
      const answer = await home.waitFor(work, own, request.signal);
      if (isOwn || (answer.status === "token" && acceptKept(answer.token))) return answer;
      if (answer.status === "needs" && isTokenExchangeError(answer.error)) return answer;
    } catch (cause) {
      if (isOwn || request.signal.aborted || isTokenExchangeError(cause)) throw cause;
    }
  }
  return askOne(state, source, request, how);
}

/** How often an access waits for what another one asks, before it asks for itself. */
const maxJoins = 3;

/** Asks one source, unless what it would say is known already. */
async function askOne(
  { failedStepUps: failed, sharedTokens }: CallsState,
  source: TokenSource,
  request: TokenRequest,
  { accept, mayKeep }: HowToAsk,
): Promise<TokenAnswer> {
  const known = failed.find(source, request);
  if (known !== undefined) return known;
  // What another process has kept is for users who may still come; for others, the source says why not.
  const isAllowed = source.allows === undefined || (await source.allows(request.context));
  const found = isAllowed ? await sharedTokens?.find(source, request, accept) : undefined;
  if (found?.token !== undefined) return { status: "token", token: found.token };
  const answer = await source.acquire(request);
  if (!mayKeep()) return answer;
  if (answer.status === "token") found?.keep(answer.token);
  else failed.note(source, request, answer);
  return answer;
}

function reportRefusal(
  { options: { resource, onEvent } }: CallsState,
  error: HostedAgentIdentityError,
): void {
  emit(onEvent, {
    type: "token_refused",
    serverLabel: resource.serverLabel,
    code: error.code,
    category: error.category,
    errorCodes: isTokenExchangeError(error) ? error.errorCodes : [],
  });
}

function notSendable(source: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "entra_bad_response",
    `The source ${JSON.stringify(source)} gave a token that no header can carry.`,
    entraBadResponseCauses.source,
  );
}

/**
 * By user token and request: the later source that gave a token after an earlier one had been refused, and what that
 * token had to meet. Least recently used first out.
 */
type FallbackSources = Map<string, FallbackSource>;

interface FallbackSource {
  readonly principal: string;
  readonly source: TokenSource;
  readonly claims: string | undefined;
}

/** How the sources of one acquisition are asked. */
interface SourceRound {
  readonly sources: readonly TokenSource[];
  readonly request: TokenRequest;
  readonly principal: string;
  readonly fallbacks: FallbackSources;
  readonly mayKeep: MayKeep;
  ask(source: TokenSource, request: TokenRequest): Promise<TokenAnswer>;
}

const maxFallbacks = 10_000;
/** In characters. Longer ones are not remembered: the sources are asked in their order again. */
const maxClaims = 2_048;

/** Makes the memory of one access. */
function fallbackSources(): FallbackSources {
  return boundedMap(maxFallbacks);
}

/**
 * Asks the sources in order. After a refusal that the user can end, a later source is asked for a token that meets the
 * same demand; it may ask the user only if no source before it can. Any other refusal ends the round. A source that
 * gave a token after an earlier one was refused is asked first from then on.
 */
async function askSources(round: SourceRound): Promise<AccessToken> {
  const { sources, request, fallbacks, mayKeep } = round;
  const again = fallbacks.size > 0 ? await askFallback(round) : undefined;
  if (again !== undefined) return again;
  const skipped: SkippedSource[] = [];
  let needed: Needed | undefined;
  let { claims } = request;
  let stepUp: TokenExchangeError | undefined;
  for (const source of sources) {
    const asked = { ...request, claims, silent: needed !== undefined && needed.requests.length > 0 };
    const skip = skipOf(source, asked);
    if (skip !== undefined) {
      skipped.push({ source: source.kind, ...skip });
      continue;
    }
    const answer = await round.ask(source, asked);
    if (answer.status === "token") {
      if (needed !== undefined && request.assertion !== undefined && mayKeep())
        remember(round, { principal: round.principal, source, claims });
      return answer.token;
    }
    if (answer.status === "skipped") {
      skipped.push({ source: source.kind, reason: answer.reason, detail: answer.detail });
      continue;
    }
    if (isTokenExchangeError(answer.error)) {
      claims = joinClaims(claims, answer.error.claims);
      if (answer.error.category === "stepup") stepUp ??= answer.error;
    }
    // A refusal says what is wrong; a link also says what to do about it.
    if (needed === undefined || needed.requests.length === 0) needed = moreUseful(needed, answer);
  }
  throw needed === undefined ? noToken(skipped) : withCause(needed, stepUp);
}

/** Nothing but a new sign-in helps where the user token has expired: the caller is asked for it. */
function noToken(skipped: readonly SkippedSource[]): HostedAgentIdentityError {
  const cause = new NoTokenError(skipped);
  if (!skipped.some(({ reason }) => reason === "expired")) return cause;
  const { is, help } = wrongTokens.tolerated;
  return new UserTokenError("user_token_expired", `The user token ${is}.`, {}, { cause, help });
}

/** A link in place of a step-up says which one: a caller that can ask its user for the claims may do so. */
function withCause(
  { error, requests }: Needed,
  stepUp: TokenExchangeError | undefined,
): HostedAgentIdentityError {
  const isNew = stepUp !== undefined && isConsentRequiredError(error) && error.cause === undefined;
  return isNew ? new ConsentRequiredError(requests, { cause: stepUp }) : error;
}

type Needed = Extract<TokenAnswer, { readonly status: "needs" }>;

function moreUseful(before: Needed | undefined, answer: Needed): Needed {
  return before !== undefined && answer.requests.length === 0 ? before : answer;
}

async function askFallback(round: SourceRound): Promise<AccessToken | undefined> {
  const { request, fallbacks, mayKeep } = round;
  const key = fallbackKey(round);
  const known = fallbacks.get(key);
  if (known === undefined) return undefined;
  fallbacks.delete(key);
  const answer = await round.ask(known.source, { ...request, claims: known.claims, silent: true });
  if (answer.status !== "token") return undefined;
  if (mayKeep()) remember(round, known);
  return answer.token;
}

function remember(round: SourceRound, fallback: FallbackSource): void {
  if ((fallback.claims?.length ?? 0) > maxClaims) return;
  round.fallbacks.set(fallbackKey(round), fallback);
}

function fallbackKey({ principal, request }: SourceRound): string {
  return digest(principal, request.assertion?.hash, request.scopes, request.claims);
}

/** Demands that a user token did not meet when Entra was asked, a moment ago. */
interface FailedStepUps {
  find(source: TokenSource, request: TokenRequest): TokenAnswer | undefined;
  note(source: TokenSource, request: TokenRequest, answer: TokenAnswer): void;
  forgetPrincipal(principalKey: string): void;
  clear(): void;
}

const rememberedMs = 5_000;
const maxDemands = 1_000;

/**
 * Makes the memory of one access. Entra says the same of the same user token, until the user has signed in again and
 * brings another one. Sources that need no user token are not remembered, because a sign-in can be completed at any
 * moment and in another process; nor is missing consent, which an admin may give at any moment, too.
 */
function failedStepUps(age: () => number): FailedStepUps {
  const unmet = expiringMap<TokenAnswer>(rememberedMs, maxDemands, age);
  const keyOf = (source: TokenSource, request: TokenRequest): string => {
    const { context, assertion, scopes, claims } = request;
    const demand = digest(source.kind, source.cacheScope, assertion?.hash, scopes, claims);
    return `${context.principalKey ?? "null"} ${demand}`;
  };
  return {
    find: (source, request) => unmet.get(keyOf(source, request)),
    note(source, request, answer) {
      if (answer.status !== "needs" || !source.usesAssertion || request.assertion === undefined) return;
      const { error } = answer;
      const lasts = error.category === "stepup" || error.category === "signin";
      if (lasts && isTokenExchangeError(error)) unmet.set(keyOf(source, request), answer);
    },
    forgetPrincipal: (principalKey) => unmet.deleteWhere((key) => key.startsWith(`${principalKey} `)),
    clear: () => unmet.clear(),
  };
}
