import type { IncomingMessage, ServerResponse } from "node:http";
import { tryGetUserContext } from "../../context/ambient.js";
import { answerHeaders } from "../../request/answer-headers.js";
import { refuseOtherHosts } from "../../request/calling-host.js";
import { errorAnswer, responsesHost, type Answer, type TurnHost } from "../../turn/answer.js";
import { receivedBody, refusedRequest, type RequestHead } from "../../turn/received-body.js";
import type { RequestError } from "../../turn/error-envelope.js";
import { reportError } from "../../turn/report-error.js";
import type { ResponsesOptions, ResponsesRun } from "../../turn/responses-options.js";
import { endBroken, isOver } from "../incoming-message.js";

/**
 * A handler for `POST /responses` on `node:http`, behind `userContext()`. See `responses` of the root entry for
 * what it does. Never rejects: it answers a failure with 500 in the platform's error envelope, or closes the
 * connection if the answer has begun, and calls `onError`. Throws `invalid_option` when another kind of host calls
 * it; the message names the entry for that host.
 *
 * Entry point: `hosted-agent-identity/node`.
 *
 * @example
 * ```ts
 * import { responses } from "hosted-agent-identity/node";
 *
 * export const handler = responses(async function* ({ input }) {
 *   yield `You said: ${input}`;
 * });
 * ```
 * @group Adapters
 */
export function responses(
  run: ResponsesRun,
  options: ResponsesOptions = {},
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return onNode(responsesHost(run, options), "hosted-agent-identity/node");
}

/** The handler, for the entry that it is exported from. */
export function onNode(
  host: TurnHost,
  entry: string,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return (request, response) => {
    refuseOtherHosts(host.name, entry, ["node", "express"], request);
    return answerOrEnd(host, request, response);
  };
}

async function answerOrEnd(
  host: TurnHost,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // Another middleware may end the response. A write after that emits an error, which ends a process without listeners.
  response.on("error", () => {});
  try {
    await answered(host, request, response);
  } catch (error) {
    reportError(host.settings.onError, error);
    endBroken(response, request.headers["x-request-id"]?.toString());
  }
}

async function answered(
  { settings, answer }: TurnHost,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  response.once("close", leave);
  const requestId = request.headers["x-request-id"]?.toString();
  const refused = (error: RequestError): Promise<void> =>
    write(response, errorAnswer(error, answerHeaders(requestId)));
  // A body parser may have read the body already.
  let body: unknown = (request as { body?: unknown }).body;
  if (body === undefined) {
    const received = await receivedBody(headOf(request), bytesOf(request), settings.maxBodyBytes);
    if ("error" in received) return refused(received);
    body = received.bytes;
  } else {
    const refusal = refusedRequest(headOf(request));
    if (refusal !== undefined) return refused(refusal);
  }
  const context = tryGetUserContext(request);
  const { accept } = request.headers;
  await write(response, await answer({ body, context, signal: gone.signal, accept, requestId }));
  // The turn has ended: nothing is left to cancel, and an abort makes an error with its stack.
  response.off("close", leave);
}

function headOf({ method, headers }: IncomingMessage): RequestHead {
  const { "content-type": type, "content-length": length, "content-encoding": encoding } = headers;
  return { method, type, length, encoding };
}

/** The request is left open when there is too much of it, so that the answer can say so. */
function bytesOf(request: IncomingMessage): AsyncIterable<Uint8Array> {
  return request.iterator({ destroyOnReturn: false });
}

async function write(response: ServerResponse, { status, headers, body }: Answer): Promise<void> {
  try {
    if (isOver(response)) return await unread(body);
    response.writeHead(status, headers);
    if (typeof body === "string") return void response.end(body);
  } catch (error) {
    await unread(body);
    throw error;
  }
  for await (const text of body) {
    if (isOver(response)) return;
    if (!response.write(text)) await drained(response);
  }
  response.end();
}

/** Ends a stream that is not going to be read. */
async function unread(body: Answer["body"]): Promise<void> {
  if (typeof body !== "string") await body.return?.();
}

/** Waits until the client has read what was written, or has disconnected. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((done) => {
    const finish = (): void => {
      response.off("drain", finish);
      response.off("close", finish);
      done();
    };
    response.on("drain", finish);
    response.on("close", finish);
  });
}
