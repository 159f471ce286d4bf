import type { IncomingMessage, ServerResponse } from "node:http";
import { tryGetUserContext } from "../../context/ambient.js";
import { answerHeaders } from "../../context/answer-headers.js";
import { answerTurn, errorAnswer, type Answer } from "../../turn/answer.js";
import { requestError, type RequestError } from "../../turn/error-envelope.js";
import { responsesSettings, type ResponsesOptions, type ResponsesRun } from "../../turn/responses-options.js";
import { readBody, refusedRequest, tooLarge } from "../../turn/responses.js";

/**
 * A handler for `POST /responses` on `node:http`, behind `userContext()`. See `responses` of the root entry for
 * what it does.
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
  const settings = responsesSettings(run, options);
  return async function responsesHandler(request, response) {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const requestId = request.headers["x-request-id"]?.toString();
    // A body parser may have read the body already.
    let body: unknown = (request as { body?: unknown }).body;
    if (body === undefined) {
      const read = await bodyOf(request, settings.maxBodyBytes);
      if ("error" in read) return send(response, errorAnswer(read, answerHeaders(requestId)));
      body = read.bytes;
    }
    const context = tryGetUserContext(request);
    await send(response, await answerTurn(run, settings, { body, context, signal: gone.signal, requestId }));
  };
}

async function bodyOf(
  request: IncomingMessage,
  maxBytes: number,
): Promise<{ readonly bytes: Uint8Array } | RequestError> {
  const { method, headers } = request;
  const refused = refusedRequest(
    { method, type: headers["content-type"], length: headers["content-length"] },
    maxBytes,
  );
  if (refused !== undefined) return refused;
  try {
    // The request is left open when there is too much of it, so that the answer can say so.
    const bytes = await readBody(request.iterator({ destroyOnReturn: false }), maxBytes);
    return bytes === undefined ? tooLarge : { bytes };
  } catch {
    return requestError(400, "incomplete_body", "The request body ended early.");
  }
}

async function send(response: ServerResponse, { status, headers, body }: Answer): Promise<void> {
  if (response.destroyed) {
    if (typeof body !== "string") await body.return?.();
    return;
  }
  response.writeHead(status, headers);
  if (typeof body === "string") return void response.end(body);
  response.flushHeaders();
  for await (const text of body) {
    if (response.destroyed) break;
    if (!response.write(text)) await drained(response);
  }
  response.end();
}

/** Waits until the client has taken what was written, or has gone. */
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
