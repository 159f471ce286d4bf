import { answerReader } from "../access/answer-reader.js";
import { isFetchInstrumented } from "../access/instrumented-fetch.js";
import { inspected } from "../access/inspected-answer.js";
import { restOf } from "../access/session-messages.js";
import { impatient } from "../access/silence.js";
import { noteAnswer, type ToolCallsSent } from "../access/tool-calls.js";
import { canSendAgain } from "../access/outgoing-request.js";
import type { RequestHeaders } from "../access/types.js";
import { settleOrAbort, pause } from "../async/deadline.js";
import type { ConsentLinkPolicy } from "../consent/link-policy.js";
import { tryGetUserContext } from "../context/ambient.js";
import { liveInternalsOf } from "../context/internals.js";
import { type UserContext, internalsOf } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";
import type { OnEvent } from "../events/events.js";
import { isIdentityHeader, platformHeaders, toolboxFeature } from "../foundry/headers.js";
import { type FetchLike, fraction, type RandomBytes } from "../runtime/runtime.js";
import { toolboxCaller, type ToolboxSurroundings, type ToolboxCaller } from "./caller.js";
import { isEnumerating, isPost, isWithoutEffect } from "../access/rpc-method.js";
import { toolboxJudge } from "./rpc-outcome.js";

/** What a toolbox puts between the identity-aware fetch and the network. */
export interface ToolboxNetworkOptions extends RetryOptions {
  readonly serverLabel: string;
  /** Where the toolbox is called from. */
  readonly place: ToolboxSurroundings;
  readonly policy: ConsentLinkPolicy;
  readonly onEvent?: OnEvent | undefined;
  /** How long the toolbox may be silent before it has answered. */
  readonly silenceMs: number | undefined;
  /** The network below. */
  readonly fetch: FetchLike;
  /** A context to use instead of the current one. */
  readonly context: UserContext | undefined;
}

/**
 * Sends requests that already carry the agent's token: adds the caller of the current request, retries where the toolbox
 * asks to wait, and inspects the answers. `calls`: the tool calls of the request, which are told if its answer breaks off.
 */
export function toolboxNetwork(options: ToolboxNetworkOptions, calls?: ToolCallsSent): FetchLike {
  const { serverLabel, silenceMs } = options;
  const network = impatient(options.fetch, silenceMs);
  /** Sends a request once. A call id is good for as long as its request: throws once that has ended. */
  const once = async (url: string | URL, request: RequestInit, context: UserContext): Promise<Response> => {
    const caller = toolboxCaller(context, options.place);
    const { method = "GET" } = request;
    const sent = { ...request, method, headers: toolboxRequestHeaders(request.headers, context, caller) };
    const response = await network(url, sent);
    // Before it is read, which may show that it breaks off.
    noteAnswer(internalsOf(context), serverLabel, sent, response);
    return response;
  };
  const send = async (url: string | URL, request: RequestInit, context: UserContext): Promise<Response> => {
    const judge = toolboxJudge(options, context);
    const waitBefore = retryPlan(request, options);
    for (;;) {
      const response = await once(url, request, context);
      if (response.status === 401 || (response.status >= 300 && response.status <= 399)) return response;
      const reader = answerReader({
        init: request,
        serverLabel,
        internals: internalsOf(context),
        calls,
        // A stream on which the toolbox talks by itself may be silent.
        silenceMs: isPost(request) ? silenceMs : undefined,
        // With the token that the request had: it was good a moment ago, and the rest is missed in seconds.
        resume: (lastEventId) => once(url, restOf(request, lastEventId), context),
      });
      const answer = await inspected(response, judge, isPost(request), reader);
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

/**
 * The headers of one request to a toolbox: those of the caller's request without anything that says who is
 * asking, then the call id and the trace of the current request. A call id that stands on a client belongs to
 * whoever the client was made for, so it never goes through.
 */
export function toolboxRequestHeaders(
  given: RequestHeaders | undefined,
  context: UserContext,
  caller: ToolboxCaller,
): Record<string, string> {
  const headers: Record<string, string> = {};
  new Headers(given).forEach((value, name) => {
    if (!isIdentityHeader(name)) headers[name] = value;
  });
  // Trace context is one thing: it comes whole from the caller, or from our request, or from instrumentation.
  const isTraced = headers["traceparent"] !== undefined || isFetchInstrumented();
  for (const [name, value] of Object.entries(context.trace)) {
    if (!isTraced || !traceContext.has(name)) headers[name] ??= value;
  }
  headers[toolboxFeature.header] = withFlag(headers[toolboxFeature.header]);
  if (caller.kind === "call") headers[platformHeaders.callId] = caller.callId;
  return headers;
}

/** What instrumentations write. Source: W3C Trace Context and Baggage. */
const traceContext: ReadonlySet<string> = new Set(["traceparent", "tracestate", "baggage"]);

/** The feature header with the toolbox's flag; whoever uses other previews may add theirs. */
function withFlag(given: string | undefined): string {
  const flags = (given ?? "").split(",").map((flag) => flag.trim());
  const others = flags.filter((flag) => flag !== "" && flag !== toolboxFeature.flag);
  return [toolboxFeature.flag, ...others].join(",");
}

/** How often and how long a request is repeated. */
interface RetryOptions {
  /** How often at most, after the first time. */
  readonly maxRetries: number;
  /** How long the waiting may take altogether, in milliseconds. */
  readonly maxWaitMs: number;
  readonly now: () => number;
  readonly random: RandomBytes;
}

/** Says how long to wait before the next try, or `undefined` when there is none. Counts the tries. */
type RetryPlan = (response: Response) => number | undefined;

const firstWaitMs = 500;
/** Added to the server's wait, so that refused clients do not all return at once. */
const spreadMs = 250;

/**
 * When one request is repeated. 429 and 503 mean that it was not processed, so any request is repeated whose body can
 * be sent again. After any other 5xx a tool may have acted, so only a request without effect is.
 */
export function retryPlan(
  request: RequestInit,
  { maxRetries, maxWaitMs, now, random }: RetryOptions,
): RetryPlan {
  let retries = 0;
  let waited = 0;
  return (response) => {
    if (retries >= maxRetries || !mayRepeat(response.status, request)) return undefined;
    const chance = fraction(random);
    const asked = retryAfterMs(response.headers, now());
    const wait =
      asked === undefined ? firstWaitMs * 2 ** retries * (0.5 + chance) : asked + spreadMs * chance;
    if (waited + wait > maxWaitMs) return undefined;
    retries += 1;
    waited += wait;
    return wait;
  };
}

function mayRepeat(status: number, request: RequestInit): boolean {
  if (!canSendAgain(request.body)) return false;
  if (status === 429 || status === 503) return true;
  return (status === 500 || status === 502 || status === 504) && isWithoutEffect(request);
}

/** Seconds or a date; some Azure services give milliseconds. Source: RFC 9110, 10.2.3; azure-sdk guidelines. */
function retryAfterMs(headers: Headers, now: number): number | undefined {
  for (const name of ["retry-after-ms", "x-ms-retry-after-ms"]) {
    const value = headers.get(name);
    if (value !== null && /^\d{1,9}$/.test(value)) return Number(value);
  }
  const value = headers.get("retry-after");
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(date - now, 0);
}
