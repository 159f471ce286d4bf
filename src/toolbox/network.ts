import { pause } from "../async/pause.js";
import { settleOrAbort } from "../async/settle-or-abort.js";
import { tryGetUserContext } from "../context/ambient.js";
import type { FetchLike } from "../runtime/fetch-like.js";
import { internalsOf, liveInternalsOf } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import type { ConsentLinkPolicy } from "../consent/link-policy.js";
import { HostedAgentIdentityError } from "../errors.js";
import { type OnEvent } from "../events/events.js";
import { toolboxCaller, type ToolboxSurroundings } from "./caller.js";
import { toolboxRequestHeaders } from "./headers.js";
import { inspected } from "./inspect.js";
import { rpcOutcome } from "./rpc-outcome.js";
import { retryPlan, type RetryOptions } from "./retry.js";
import { isEnumerating, isPost } from "./rpc-method.js";

/** What a toolbox puts between the identity-aware fetch and the network. */
export interface ToolboxNetworkOptions extends RetryOptions {
  readonly serverLabel: string;
  /** Where the toolbox is called from. */
  readonly place: ToolboxSurroundings;
  readonly policy: ConsentLinkPolicy;
  readonly onEvent?: OnEvent | undefined;
  /** The network below. */
  readonly fetch: FetchLike;
  /** A context to use instead of the current one. */
  readonly context: UserContext | undefined;
}

/**
 * Sends requests that already carry the agent's token: adds the caller of the current request, retries where the toolbox
 * asks to wait, and inspects the answers.
 */
export function toolboxNetwork(options: ToolboxNetworkOptions): FetchLike {
  const send = async (url: string | URL, request: RequestInit, context: UserContext): Promise<Response> => {
    const judge = rpcOutcome(options, context);
    const waitBefore = retryPlan(request, options);
    for (;;) {
      // Made anew for each try: a call id is good for as long as its request. Throws once that has ended.
      const caller = toolboxCaller(context, options.place);
      const headers = toolboxRequestHeaders(request.headers, context, caller);
      const response = await options.fetch(url, { ...request, headers });
      if (response.status === 401 || (response.status >= 300 && response.status <= 399)) return response;
      const answer = await inspected(response, judge, isPost(request));
      const wait = waitBefore(answer);
      if (wait === undefined) return answer;
      await answer.body?.cancel();
      await pauseInTurn(wait, request.signal ?? undefined, context);
    }
  };
  return (input, init = {}) => {
    const context = options.context ?? tryGetUserContext();
    if (context === undefined) return Promise.reject(new HostedAgentIdentityError("no_user_context"));
    const answer = send(input as string | URL, init, context);
    return isEnumerating(init) ? noted(answer, context) : answer;
  };
}

/**
 * Counts a request that may bring a request for consent among the acquisitions of the turn: when two
 * toolboxes are listed side by side, the turn waits for what the second one asks for as well.
 */
function noted(answer: Promise<Response>, context: UserContext): Promise<Response> {
  const { acquisitions } = internalsOf(context);
  const entry: Promise<unknown> = answer.then(
    () => acquisitions.delete(entry),
    () => acquisitions.delete(entry),
  );
  acquisitions.add(entry);
  return answer;
}

/** Waits, at most until the caller aborts or the turn ends. */
async function pauseInTurn(ms: number, signal: AbortSignal | undefined, context: UserContext): Promise<void> {
  const { endListeners } = liveInternalsOf(context);
  const ended = new AbortController();
  const onEnd = (): void => ended.abort(new HostedAgentIdentityError("context_ended"));
  endListeners.add(onEnd);
  try {
    await settleOrAbort(pause(ms, ended.signal), signal);
  } finally {
    endListeners.delete(onEnd);
    // Ends the timer if the caller aborted first.
    ended.abort();
  }
}
