import { runWithUserContext } from "../context/ambient.js";
import { answerHeaders } from "../context/answer-headers.js";
import { internalsOf, isSignInDemand } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import { isHostedAgentIdentityError } from "../errors.js";
import { foundryEnvironment } from "../foundry/environment.js";
import { terminalEvents, type ResponseEvent, type ResponseObject } from "../foundry/events.js";
import { responseHeaders } from "../foundry/headers.js";
import type { AgentReference } from "../foundry/items.js";
import { platformFault } from "./container-protocol.js";
import { requestError, signInChallenge, type RequestError } from "./error-envelope.js";
import { ownErrorIn } from "./failure.js";
import type { ResponsesRun, ResponsesSettings } from "./responses-options.js";
import { beginTurn } from "./running-turns.js";
import { sseBlocks } from "./sse-blocks.js";
import { readTurnRequest, type ReadRequest } from "./turn-request.js";
import type { Preparable, RunOutput, Turn } from "./turn.js";
import { heardMessage, keepForLater, type TurnMessage } from "./turn-sign-in.js";
import { responseIdFor } from "./response-id.js";
import { withConsent } from "./with-consent.js";

/** An answer, ready for any HTTP server. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text, or server-sent events to write as they come. */
  readonly body: string | AsyncIterableIterator<string>;
}

/** What a request brings. */
export interface AnswerInput {
  /** Text, bytes, or what a body parser made of them. */
  readonly body: unknown;
  readonly context: UserContext | undefined;
  /** Aborts when the client goes away. */
  readonly signal?: AbortSignal | undefined;
  /** The `x-request-id` of the request, as it came. */
  readonly requestId: string | null | undefined;
}

const sseHeaders = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  "x-accel-buffering": "no",
};

/** Answers one `POST /responses`, streamed or plain. */
export async function answerTurn(
  run: ResponsesRun,
  options: ResponsesSettings,
  input: AnswerInput,
): Promise<Answer> {
  const { context, requestId } = input;
  const read = readTurnRequest(input.body);
  const session = ("error" in read ? undefined : read.sessionId) ?? context?.platform.sessionId;
  const headers = {
    ...answerHeaders(requestId),
    ...(session === undefined ? {} : { [responseHeaders.sessionId]: session }),
  };
  const refused = (error: RequestError): Answer => errorAnswer(error, headers);
  if (context === undefined) return refused(noUserContext);
  const fault = platformFault(context.platform);
  if (fault !== undefined) return refused(fault);
  if ("error" in read) return refused(read);
  const responseId = responseIdFor(context, read.request.previousResponseId, options.random);
  const begun = beginTurn(options.turns, {
    responseId,
    context,
    signal: input.signal,
    windDownMs: options.windDownMs,
  });
  if (begun === undefined) return refused(stopping);
  try {
    const opened = await openTurn(run, options, { ...read, responseId, context, signal: begun.signal });
    if ("error" in opened) {
      begun.end();
      return refused(opened);
    }
    const events = begun.endWith(opened);
    if (read.stream) {
      const body = sseBlocks(events, options.keepAliveMs);
      return { status: 200, headers: { ...headers, ...sseHeaders }, body };
    }
    const response = await lastResponse(events);
    const { signInDemand: demand } = internalsOf(context);
    // Nothing was sent yet, so the caller can be told as HTTP clients expect it.
    if (demand !== undefined && response?.error?.code === demand.code)
      return refused(signInChallenge(demand));
    const body = JSON.stringify(response);
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
  if ("error" in prepared) return prepared;
  try {
    return startTurn(run, options, { ...turn, heard, prepare: prepared.prepare });
  } catch (error) {
    if (!isHostedAgentIdentityError(error)) throw error;
    return requestError(500, error.code, error.message);
  }
}

const jsonHeaders = { "content-type": "application/json; charset=utf-8" };

const noUserContext = requestError(
  500,
  "no_user_context",
  "There is no user context here: put userContext() in front of responses().",
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
function runOf(run: ResponsesRun, { say, request, failure }: TurnMessage): (turn: Turn) => RunOutput {
  if (say === undefined && request !== undefined)
    return (turn) => run({ ...turn, input: request.input, request });
  return async function* (turn) {
    if (failure !== undefined) throw failure.cause;
    if (say !== undefined) yield request === undefined ? say : `${say}\n\n`;
    if (request !== undefined) yield* run({ ...turn, input: request.input, request });
  };
}

interface OpenedTurn extends ReadRequest {
  readonly responseId: string;
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
  const { request, heard, responseId, context, signal, prepare } = turn;
  const { policy, onError, onEvent, now, random, signIn, turnTimeoutMs, idleTimeoutMs, windDownMs } = options;
  const agentReference = options.agentReference ?? turn.agentReference ?? hostedAgent();
  const { model, metadata } = request.body;
  const asked = heard.request;
  return withConsent(runOf(run, heard), {
    responseId,
    context,
    prepare,
    ...(signIn === undefined || asked === undefined
      ? {}
      : { onConsentRequired: () => keepForLater(signIn, context, asked) }),
    model: options.model ?? (typeof model === "string" ? model : (agentReference?.name ?? "agent")),
    ...(typeof metadata === "object" && metadata !== null ? { fields: { metadata } } : {}),
    ...(request.previousResponseId === undefined ? {} : { previousResponseId: request.previousResponseId }),
    ...(agentReference === undefined ? {} : { agentReference }),
    ...(signal === undefined ? {} : { signal }),
    ...(policy === undefined ? {} : { policy }),
    ...(onError === undefined ? {} : { onError }),
    ...(onEvent === undefined ? {} : { onEvent }),
    turnTimeoutMs,
    idleTimeoutMs,
    windDownMs,
    ...(now === undefined ? {} : { now }),
    ...(random === undefined ? {} : { random }),
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

async function lastResponse(events: AsyncIterable<ResponseEvent>): Promise<ResponseObject | undefined> {
  let last: ResponseObject | undefined;
  for await (const { type, response } of events) if (terminalEvents.has(type)) last = response;
  return last;
}

function hostedAgent(): AgentReference | undefined {
  const { agentName, agentVersion } = foundryEnvironment(process.env);
  if (agentName === undefined) return undefined;
  return {
    type: "agent_reference",
    name: agentName,
    ...(agentVersion === undefined ? {} : { version: agentVersion }),
  };
}
