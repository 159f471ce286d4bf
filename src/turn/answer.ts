import { runWithUserContext } from "../context/ambient.js";
import { answerHeaders } from "../request/answer-headers.js";
import { isSignInDemand } from "../context/internals.js";
import { type UserContext, internalsOf } from "../context/user-context.js";
import { isHostedAgentIdentityError } from "../errors.js";
import { terminalEvents, type ResponseEvent, type ResponseObject } from "../foundry/events.js";
import { responseHeaders } from "../foundry/headers.js";
import { platformFault } from "./container-protocol.js";
import { describedTurn, type DescribedTurn } from "./described-turn.js";
import { requestError, signInChallenge, type RequestError } from "./error-envelope.js";
import { ownErrorIn } from "./failure.js";
import { reportError } from "./report-error.js";
import { responseFields } from "./response-fields.js";
import {
  responsesSettings,
  type ResponsesOptions,
  type ResponsesRun,
  type ResponsesSettings,
} from "./responses-options.js";
import { beginTurn } from "./running-turns.js";
import { environmentSession } from "./session-id.js";
import { startedBody } from "./started-body.js";
import type { SentEvent } from "./to-sse.js";
import { readTurnRequest, type ReadRequest } from "./turn-request.js";
import type { Preparable, RunOutput, Turn } from "./turn.js";
import { toolRuns } from "./tool-runs.js";
import { heardMessage, keepForLater, settleBound, settledWith, type TurnMessage } from "./turn-sign-in.js";
import { writtenTurn } from "./with-consent.js";

/** An answer, ready for any HTTP server. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text, or server-sent events to write as they come. */
  readonly body: string | AsyncIterableIterator<string>;
}

/** What a protocol reads and writes; the turn in between is the same. */
export interface TurnProtocol {
  read(input: AnswerInput): ReadRequest | RequestError;
  /** The answer to a request that does not stream. */
  result(response: ResponseObject): object;
  /** An event as it is sent; `undefined` for one that the protocol does not have. */
  event(event: ResponseEvent): SentEvent | undefined;
}

/** What adapters for HTTP servers need of a handler. */
export interface TurnHost {
  /** What the handler is called. */
  readonly name: "responses" | "invocations";
  readonly settings: Pick<ResponsesSettings, "maxBodyBytes" | "onError">;
  answer(input: AnswerInput): Promise<Answer>;
}

/** What a request brings. */
export interface AnswerInput {
  /** Text, bytes, or what a body parser made of them. */
  readonly body: unknown;
  readonly context: UserContext | undefined;
  /** Aborts when the client goes away. */
  readonly signal?: AbortSignal | undefined;
  /** The `accept` of the request, as it came. */
  readonly accept?: string | null | undefined;
  /** The `x-request-id` of the request, as it came. */
  readonly requestId: string | null | undefined;
}

const sseHeaders = {
  "content-type": "text/event-stream; charset=utf-8",
  // Middleware that compresses holds events back until it has enough of them; `no-transform` forbids it.
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

/** The Responses protocol. */
const responsesProtocol: TurnProtocol = {
  read: ({ body }) => readTurnRequest(body),
  result: (response) => response,
  event: (event) => event,
};

/** What answers `POST /responses`. Throws `invalid_option`. */
export function responsesHost(run: ResponsesRun, options: ResponsesOptions): TurnHost {
  const settings = responsesSettings(run, options);
  return {
    name: "responses",
    settings,
    answer: (input) => answerTurn(run, settings, input, responsesProtocol),
  };
}

/**
 * Answers one request, streamed or plain. Never rejects: what goes wrong before anything was sent is
 * answered 500, and `onError` is told.
 */
export async function answerTurn(
  run: ResponsesRun,
  options: ResponsesSettings,
  input: AnswerInput,
  protocol: TurnProtocol,
): Promise<Answer> {
  let headers = answerHeaders(input.requestId);
  try {
    const { context } = input;
    if (context === undefined) return errorAnswer(noUserContext, headers);
    const read = protocol.read(input);
    const turn = "error" in read ? undefined : describedTurn(read, context, options);
    const sessionId = turn?.sessionId ?? environmentSession(context);
    if (sessionId !== undefined) headers = { ...headers, [responseHeaders.sessionId]: sessionId };
    const refusal = platformFault(context.platform) ?? ("error" in read ? read : undefined);
    if (turn === undefined || refusal !== undefined) return errorAnswer(refusal ?? unanswerable, headers);
    return await answerDescribed(run, options, { ...turn, context, signal: input.signal }, headers, protocol);
  } catch (error) {
    reportError(options.onError, error);
    return errorAnswer(unanswerable, headers);
  }
}

async function answerDescribed(
  run: ResponsesRun,
  options: ResponsesSettings,
  turn: OpenedTurn,
  headers: Readonly<Record<string, string>>,
  protocol: TurnProtocol,
): Promise<Answer> {
  const { context, responseId } = turn;
  const refused = (error: RequestError): Answer => errorAnswer(error, headers);
  const begun = beginTurn(options.turns, {
    responseId,
    context,
    signal: turn.signal,
    windDownMs: options.windDownMs,
  });
  if (begun === undefined) return refused(stopping);
  try {
    const opened = await openTurn(run, options, { ...turn, signal: begun.signal });
    if ("error" in opened) {
      begun.end();
      return refused(opened);
    }
    const events = begun.endWith(opened);
    if (turn.stream) {
      const sent = mapped(events, protocol.event);
      const body = await startedBody(sent, options.keepAliveMs, options.onError);
      return { status: 200, headers: { ...headers, ...sseHeaders }, body };
    }
    const response = await lastResponse(events);
    const { signInDemand: demand } = internalsOf(context);
    // Nothing was sent yet, so the caller can be told as HTTP clients expect it.
    if (demand !== undefined && response?.error?.code === demand.code)
      return refused(signInChallenge(demand));
    // A turn whose client has gone has no response, and there is nobody to send one to.
    if (response === undefined) return refused(unanswerable);
    const body = JSON.stringify(protocol.result(response));
    return { status: 200, headers: { ...headers, ...jsonHeaders }, body };
  } catch (error) {
    begun.end();
    throw error;
  }
}

/** Starts the turn, unless something stands in its way that is better said before it. */
async function openTurn(
  run: ResponsesRun,
  options: ResponsesSettings,
  turn: OpenedTurn,
): Promise<AsyncIterableIterator<ResponseEvent> | RequestError> {
  const { context, signal, request } = turn;
  const heard = await heardMessage(options.signIn, context, request);
  const accesses = heard.request === undefined ? [] : (options.prepare ?? []);
  const prepared = await prepareFirst(accesses, context, signal);
  const fail = async (): Promise<void> => {
    if (options.signIn !== undefined && heard.isBound === true)
      await settleBound(options.signIn, context, "failed", { onError: options.onError });
  };
  if ("error" in prepared) {
    await fail();
    return prepared;
  }
  try {
    return startTurn(run, options, { ...turn, heard, prepare: prepared.prepare });
  } catch (error) {
    await fail();
    if (!isHostedAgentIdentityError(error)) throw error;
    return requestError(500, error.code, error.message);
  }
}

const jsonHeaders = { "content-type": "application/json; charset=utf-8" };

const noUserContext = requestError(
  500,
  "no_user_context",
  "There is no user context here: put userContext() in front of this handler.",
);

/** The answer when nothing else can be said. */
export const unanswerable: RequestError = requestError(
  500,
  "server_error",
  "The agent could not answer this request.",
);

const stopping = requestError(
  503,
  "agent_stopping",
  "This agent is stopping and takes no new requests. Send the request again.",
  null,
  "platform",
);

/** An error as an answer. */
export function errorAnswer(
  { status, headers, error }: RequestError,
  common: Readonly<Record<string, string>>,
): Answer {
  return {
    status,
    headers: { ...common, ...headers, ...jsonHeaders, "cache-control": "no-store" },
    body: JSON.stringify({ error }),
  };
}

/** The run of a turn: what sign-in says, then the answer to what is left to answer. */
function runOf(
  run: ResponsesRun,
  { say, request, failure }: TurnMessage,
  responseId: string,
): (turn: Turn) => RunOutput {
  if (say === undefined && request !== undefined)
    return (turn) => run({ ...turn, input: request.input, request, responseId });
  return async function* (turn) {
    if (failure !== undefined) throw failure.cause;
    if (say !== undefined) yield request === undefined ? say : `${say}\n\n`;
    if (request !== undefined) yield* run({ ...turn, input: request.input, request, responseId });
  };
}

interface OpenedTurn extends DescribedTurn {
  readonly context: UserContext;
  readonly signal: AbortSignal | undefined;
}

interface StartedTurn extends OpenedTurn {
  readonly heard: TurnMessage;
  readonly prepare: readonly Preparable[];
}

function startTurn(
  run: ResponsesRun,
  options: ResponsesSettings,
  turn: StartedTurn,
): AsyncIterableIterator<ResponseEvent> {
  const { request, heard, responseId, sessionId, agentReference, context, signal, prepare } = turn;
  const { policy, onError, onEvent, now, random, signIn, operations } = options;
  const { turnTimeoutMs, idleTimeoutMs, windDownMs } = options;
  const { model } = request.body;
  const asked = heard.request;
  const operation = heard.operation ?? operations.resumedBy(context, request) ?? { id: responseId };
  const events = writtenTurn(runOf(run, heard, responseId), {
    responseId,
    context,
    prepare,
    operationId: operation.id,
    resumed: operation.resumed,
    async onConsentRequired(interrupted) {
      if (asked === undefined) return;
      const waiting = { id: operation.id, resumed: interrupted };
      operations.interrupted(context, responseId, asked, waiting);
      if (signIn !== undefined) await keepForLater(signIn, context, asked, waiting);
    },
    model: options.model ?? (isNamed(model) ? model : (agentReference?.name ?? "agent")),
    fields: responseFields(request.body, responseId, sessionId),
    previousResponseId: request.previousResponseId,
    agentReference,
    signal,
    policy,
    onError,
    onEvent,
    turnTimeoutMs,
    idleTimeoutMs,
    windDownMs,
    now,
    random,
  });
  if (signIn === undefined || heard.isBound !== true) return events;
  return settledWith(events, async (end, response) => {
    const resumed = toolRuns(context, response?.output ?? [], operation.resumed);
    const interrupted = asked && { request: asked, operation: { id: operation.id, resumed } };
    const settled = settleBound(signIn, context, end, { interrupted, onError });
    // A plain answer leaves after the turn has ended.
    if (end !== "answered" || turn.stream) await settled;
  });
}

/**
 * Gets the tokens before the status line is written, because a sign-in that is needed is best answered with a
 * 401. Everything else is left to the turn, which meets the same results again.
 */
async function prepareFirst(
  accesses: readonly Preparable[],
  context: UserContext,
  outer: AbortSignal | undefined,
): Promise<{ readonly prepare: readonly Preparable[] } | RequestError> {
  const signal = outer ?? new AbortController().signal;
  const results = await Promise.allSettled(
    accesses.map(async (access) => runWithUserContext(context, () => access.token(context, { signal }))),
  );
  const errors = results.flatMap((result) =>
    result.status === "rejected" ? [ownErrorIn(result.reason)] : [],
  );
  const challenge = context.consentRequests.length > 0 ? undefined : errors.find(isSignInDemand);
  if (challenge !== undefined) return signInChallenge(challenge);
  return {
    prepare: results.map((result) => ({
      token: async () => {
        if (result.status === "rejected") throw result.reason;
      },
    })),
  };
}

function isNamed(model: unknown): model is string {
  return typeof model === "string" && model.trim() !== "";
}

/** The events that a protocol has. */
function mapped(
  events: AsyncIterableIterator<ResponseEvent>,
  map: TurnProtocol["event"],
): AsyncIterator<SentEvent, undefined> {
  return {
    async next() {
      for (;;) {
        const result = await events.next();
        if (result.done === true) return { done: true, value: undefined };
        const value = map(result.value);
        if (value !== undefined) return { done: false, value };
      }
    },
    async return() {
      await events.return?.();
      return { done: true, value: undefined };
    },
  };
}

async function lastResponse(events: AsyncIterable<ResponseEvent>): Promise<ResponseObject | undefined> {
  let last: ResponseObject | undefined;
  for await (const { type, response } of events) if (terminalEvents.has(type)) last = response;
  return last;
}
