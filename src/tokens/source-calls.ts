import { runWithoutUserContext } from "../context/ambient.js";
import { clocksOf } from "../async/clocks.js";
import { emit, type OnEvent } from "../events/events.js";
import { HostedAgentIdentityError, isHostedAgentIdentityError, isTokenExchangeError } from "../errors.js";
import { entraBadResponseCauses, entraTimeoutCauses } from "../errors/causes/tokens.js";
import { isBearerToken } from "../entra/bearer-token.js";
import { withDeadline } from "../async/deadline.js";
import { askSources, fallbackSources, type AskSource } from "./ask-sources.js";
import type { MayKeep } from "./flights.js";
import type { SharedCacheOptions } from "./shared-cache-state.js";
import { sharedCache, type AcceptShared } from "./shared-cache.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import type { AccessToken, TokenRequest, TokenSource } from "../sources/token-source.js";
import { failedStepUps } from "./failed-step-ups.js";

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
  /** This token of theirs was refused. */
  forgetToken(owner: Pick<TokenRequest, "context" | "assertion">, token: string): void;
  /** What was given to a principal, or kept from it, does not hold any more. */
  forgetPrincipal(principalKey: string): void;
  /** Whether tokens may come from the shared cache. */
  readonly shared: boolean;
  close(): Promise<void>;
}

/** Asks with no user context at hand, under one deadline that no caller's leaving shortens. */
export function sourceCalls(options: SourceCallsOptions): SourceCalls {
  const { resource, sources, now, onEvent } = options;
  const { serverLabel } = resource;
  const sharedTokens = options.sharedCache && sharedCache({ ...options.sharedCache, resource, now, onEvent });
  const { age } = clocksOf(now);
  const failedStepUpsOfUsers = failedStepUps(age);
  const fallbacks = fallbackSources();

  const askOne = async (
    source: TokenSource,
    request: TokenRequest,
    accept: AcceptShared,
    mayKeep: MayKeep,
  ): ReturnType<AskSource> => {
    const known = failedStepUpsOfUsers.find(source, request);
    if (known !== undefined) return known;
    const found = await sharedTokens?.find(source, request, accept);
    if (found?.token !== undefined) return { status: "token", token: found.token };
    const answer = await source.acquire(request);
    if (!mayKeep()) return answer;
    if (answer.status === "token") found?.keep(answer.token);
    else failedStepUpsOfUsers.note(source, request, answer);
    return answer;
  };

  const refused = (error: HostedAgentIdentityError): void =>
    emit(onEvent, {
      type: "token_refused",
      serverLabel,
      code: error.code,
      category: error.category,
      errorCodes: isTokenExchangeError(error) ? error.errorCodes : [],
    });

  return {
    async token(asked, accept, mayKeep) {
      const principal = asked.context.principalKey ?? "null";
      const started = age();
      const timedOut = (): Error =>
        new HostedAgentIdentityError(
          "entra_timeout",
          `No token within ${options.timeoutMs} ms.`,
          entraTimeoutCauses.access,
        );
      const ask: AskSource = (source, request) => askOne(source, request, accept, mayKeep);
      const fromSources = (signal: AbortSignal): Promise<AccessToken> =>
        askSources(sources, { ...asked, signal }, ask, principal, fallbacks, mayKeep);
      try {
        const token = await runWithoutUserContext(() =>
          withDeadline(options.timeoutMs, undefined, timedOut, fromSources),
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
        if (isHostedAgentIdentityError(cause)) refused(cause);
        throw cause;
      }
    },
    forgetToken: (owner, token) => sharedTokens?.forgetToken(sources, owner, token),
    forgetPrincipal(principalKey) {
      sharedTokens?.forgetPrincipal(principalKey);
      failedStepUpsOfUsers.forgetPrincipal(principalKey);
      for (const [key, standIn] of fallbacks) if (standIn.principal === principalKey) fallbacks.delete(key);
    },
    shared: sharedTokens !== undefined,
    async close() {
      failedStepUpsOfUsers.clear();
      await sharedTokens?.close();
    },
  };
}

function notSendable(source: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "entra_bad_response",
    `The source ${JSON.stringify(source)} gave a token that no header can carry.`,
    entraBadResponseCauses.source,
  );
}
