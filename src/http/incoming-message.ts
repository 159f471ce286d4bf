import type { IncomingMessage, ServerResponse } from "node:http";
import { contextOfRequest, type UserContextSettings } from "../request/create.js";
import { rawHeaderPairs } from "../request/calling-host.js";
import { refusalOf, type Refusal } from "../request/refusal.js";
import { answerHeaders } from "../request/answer-headers.js";
import type { UserContext } from "../context/user-context.js";
import { errorAnswer, unanswerable } from "../turn/answer.js";

/** The user context, or the answer to a request that cannot be verified. */
export type Opened =
  | { readonly context: UserContext; readonly refusal?: never }
  | { readonly refusal: Refusal; readonly context?: never };

/**
 * Takes the token off a request of Node and makes its context, which ends when the response has finished or
 * its connection has closed. `requests` are the host's own objects for this request.
 */
export async function openUserContext(
  request: IncomingMessage,
  response: ServerResponse,
  requests: readonly object[],
  settings: UserContextSettings,
): Promise<Opened> {
  const pairs = rawHeaderPairs(request.rawHeaders);
  stripHeaders(request, settings.secretHeaders);
  try {
    const context = await contextOfRequest(pairs, [request, ...requests], settings);
    endWithResponse(response, context);
    return { context };
  } catch (error) {
    return { refusal: refusalOf(error, settings.tokenHeader, request.headers["x-request-id"]?.toString()) };
  }
}

/** Removes headers from every place where Node keeps them. */
export function stripHeaders(request: IncomingMessage, names: readonly string[]): void {
  const { headers, headersDistinct, rawHeaders } = request;
  for (const name of names) {
    delete headers[name];
    // Absent in HTTP/2 and in injected requests.
    if (headersDistinct !== undefined) delete headersDistinct[name];
  }
  for (let at = rawHeaders.length - 2; at >= 0; at -= 2) {
    if (names.includes((rawHeaders[at] ?? "").toLowerCase())) rawHeaders.splice(at, 2);
  }
}

/** Ends a context when the response has finished, or its connection is gone ("A context ends with its turn"). */
export function endWithResponse(response: ServerResponse, context: UserContext): void {
  if (response.writableFinished || response.closed || response.destroyed) return context.end();
  const end = (): void => context.end();
  response.once("finish", end);
  response.once("close", end);
}

/** Writes the answer to a request that could not be verified. */
export function refuse(response: ServerResponse, { status, headers, body }: Refusal): void {
  if (response.headersSent || isOver(response)) return;
  response.writeHead(status, { ...headers });
  response.end(JSON.stringify(body));
}

/** Ends an answer that could not be written: with an error if the headers have not been sent, else by closing. */
export function endBroken(response: ServerResponse, requestId: string | undefined): void {
  if (isOver(response)) return;
  if (response.headersSent) return void response.destroy();
  try {
    const { status, headers, body } = errorAnswer(unanswerable, answerHeaders(requestId));
    response.writeHead(status, headers).end(body);
  } catch {
    response.destroy();
  }
}

/** Whether nothing more can be written: the client has disconnected, or the response has ended. */
export function isOver(response: ServerResponse): boolean {
  return response.destroyed || response.writableEnded;
}
