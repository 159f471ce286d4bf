import type { ErrorCause } from "../../errors/facts.js";
import { clientCredentialFailedCauses } from "../../errors/causes/tokens.js";
import { userNotIdentifiedCauses } from "../../errors/causes/sign-in.js";
import { insufficientScopeCauses } from "../../errors/causes/resource.js";
import { clocksOf, endAt, isPast, type Clocks, type End } from "../../async/clocks.js";
import { settleOrAbort, withDeadline } from "../../async/deadline.js";
import { isBearerToken } from "../../entra/token-claims.js";
import {
  errorCodes,
  HostedAgentIdentityError,
  isHostedAgentIdentityError,
  type ErrorCode,
} from "../../errors.js";
import { emit, type OnEvent } from "../../events/events.js";
import type { TokenCredentialLike } from "../../exchange/federated-credential.js";
import { isRedirect } from "../../exchange/network-module.js";
import type { FetchLike } from "../../runtime/runtime.js";
import { readJson, type RouteName } from "./wire.js";

/** Sends one call to the sign-in service and returns its answer, a JSON object. Throws the service's own errors. */
export type ServiceCall = (
  route: RouteName,
  body: object,
  signal?: AbortSignal,
) => Promise<Readonly<Record<string, unknown>>>;

/** How calls are sent. */
export interface ServiceCallOptions {
  readonly credential: TokenCredentialLike;
  readonly scope: string;
  readonly timeoutMs: number;
  readonly fetch: FetchLike;
  readonly now: () => number;
  readonly onEvent?: OnEvent | undefined;
}

interface CallState {
  /** The service's address, without a trailing slash. */
  readonly base: string;
  readonly options: ServiceCallOptions;
  readonly clocks: Clocks;
  /** The agent's own token, and when to ask for the next one. */
  own: { readonly token: string; readonly renewal: End } | undefined;
}

const renewBeforeMs = 300_000;

/** Calls to the sign-in service at this address. */
export function serviceCalls(base: string, options: ServiceCallOptions): ServiceCall {
  const state: CallState = { base, options, clocks: clocksOf(options.now), own: undefined };
  return async (route, body, outer) => {
    try {
      return await withDeadline(
        options.timeoutMs,
        outer,
        () => unavailable(`The sign-in service did not answer within ${options.timeoutMs} ms.`),
        (signal) => send(state, route, body, signal),
      );
    } catch (error) {
      // A caller that left before the answer did not see a failure.
      if (outer?.aborted !== true && isHostedAgentIdentityError(error))
        emit(options.onEvent, { type: "sign_in_service_failed", call: route, code: error.code });
      throw error;
    }
  };
}

async function send(
  state: CallState,
  route: RouteName,
  body: object,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const authorization = `Bearer ${await ownToken(state, signal)}`;
  const headers = { authorization, "content-type": "application/json", accept: "application/json" };
  let response: Response;
  try {
    response = await state.options.fetch(`${state.base}/v1/${route}`, {
      method: "POST",
      redirect: "manual",
      headers,
      body: JSON.stringify(body),
      signal,
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw new HostedAgentIdentityError("sign_in_service_unavailable", undefined, { cause });
  }
  // Followed, it would take the user token along. Workers have no redirect: "error".
  if (isRedirect(response)) {
    await response.body?.cancel();
    throw new HostedAgentIdentityError(
      "sign_in_service_unavailable",
      "The sign-in service answered with a redirect, which is not followed.",
    );
  }
  const reply = await readJson(response).catch(() => {
    throw badReply();
  });
  if (response.ok) return reply;
  if (response.status === 401) state.own = undefined;
  throw errorOf(reply, response.status);
}

async function ownToken(state: CallState, signal: AbortSignal): Promise<string> {
  const { own, clocks, options } = state;
  if (own !== undefined && !isPast(clocks, own.renewal)) return own.token;
  const made = await settleOrAbort(
    options.credential.getToken(options.scope, { abortSignal: signal }),
    signal,
  );
  if (!isBearerToken(made?.token))
    throw new HostedAgentIdentityError(
      "client_credential_failed",
      "The agent's own credential gave no token that a header can carry.",
      clientCredentialFailedCauses.signInService,
    );
  state.own = { token: made.token, renewal: endAt(clocks, made.expiresOnTimestamp - renewBeforeMs) };
  return made.token;
}

/** The service's own errors keep their code. Any other failure means that the service is unavailable. */
function errorOf(reply: Readonly<Record<string, unknown>>, status: number): HostedAgentIdentityError {
  const { code, message } = (reply["error"] ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code !== "string" || !Object.hasOwn(errorCodes, code))
    return unavailable(`The sign-in service answered HTTP ${status}.`);
  // Not String(): an object out of JSON may throw when it is turned into text.
  const said = JSON.stringify(typeof message === "string" ? message.slice(0, 500) : null);
  return new HostedAgentIdentityError(
    code as ErrorCode,
    `The sign-in service says: ${said}`,
    causesAtService[code],
  );
}

/** These have another remedy at the service than in the agent. */
const causesAtService: Readonly<Record<string, ErrorCause>> = {
  insufficient_scope: insufficientScopeCauses.signInService,
  user_not_identified: userNotIdentifiedCauses.noProject,
};

/** The error for an answer that no sign-in service gives. */
export function badReply(): HostedAgentIdentityError {
  return unavailable("What answered is not the sign-in service.");
}

function unavailable(message: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("sign_in_service_unavailable", message);
}
