import { runWithoutUserContext } from "../context/ambient.js";
import { clocksOf } from "../async/clocks.js";
import { emit, type OnEvent } from "../events/events.js";
import { HostedAgentIdentityError, isHostedAgentIdentityError, isTokenExchangeError } from "../errors.js";
import { entraBadResponseCauses, entraTimeoutCauses } from "../errors/causes/tokens.js";
import { isBearerToken } from "../entra/bearer-token.js";
import { withDeadline } from "../async/deadline.js";
import { askSources, fallbackSources, type FallbackSources, type SourceRound } from "./ask-sources.js";
import type { MayKeep } from "./flights.js";
import type { SharedCacheOptions } from "./shared-cache-state.js";
import { sharedCache, type AcceptShared, type SharedCache } from "./shared-cache.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import type { AccessToken, TokenAnswer, TokenRequest, TokenSource } from "../sources/token-source.js";
import { failedStepUps, type FailedStepUps } from "./failed-step-ups.js";

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

/** The sources of one access, and everything that may keep them from being asked. */
export interface SourceCalls {
  /**
   * A token from the shared cache or the first source that gives one, within the time. `mayKeep`: whether the
   * principal was not forgotten meanwhile, so that what was learned may be remembered.
   */
  token(request: Omit<TokenRequest, "signal">, accept: AcceptShared, mayKeep: MayKeep): Promise<AccessToken>;
  /** The resource refused this token of the owner. */
  forgetToken(owner: Pick<TokenRequest, "context" | "assertion">, token: string): void;
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
    token: (request, accept, mayKeep) => tokenInTime(state, request, accept, mayKeep),
    forgetToken: (owner, token) => sharedTokens?.forgetToken(options.sources, owner, token),
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
  accept: AcceptShared,
  mayKeep: MayKeep,
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
  const ask: SourceRound["ask"] = (source, request) => askOne(state, source, request, { accept, mayKeep });
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

/** Asks one source, unless what it would say is known already. */
async function askOne(
  { failedStepUps: failed, sharedTokens }: CallsState,
  source: TokenSource,
  request: TokenRequest,
  { accept, mayKeep }: { readonly accept: AcceptShared; readonly mayKeep: MayKeep },
): Promise<TokenAnswer> {
  const known = failed.find(source, request);
  if (known !== undefined) return known;
  const found = await sharedTokens?.find(source, request, accept);
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
