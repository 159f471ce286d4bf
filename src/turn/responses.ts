import { tryGetUserContext } from "../context/ambient.js";
import { answerHeaders } from "../request/answer-headers.js";
import { refuseOtherHosts } from "../request/calling-host.js";
import { type UserContext, internalsOf } from "../context/user-context.js";
import { errorAnswer, responsesHost, type Answer, type TurnHost } from "./answer.js";
import { requestError, type RequestError } from "./error-envelope.js";
import { receivedBody } from "./received-body.js";
import type { ResponsesOptions, ResponsesRun } from "./responses-options.js";
import { byteStream } from "./to-sse.js";

/**
 * A handler for `POST /responses`, web-standard: put it behind `userContext()`. Streams when the request asks
 * for it, else answers with the finished response. Text and events of the run become a response as
 * `withConsent()` of `hosted-agent-identity/turn` writes it; a body that cannot be read is answered with the platform's
 * error envelope. Throws `invalid_option` when another kind of host calls it; the message names the entry for that host.
 *
 * Entry point: `hosted-agent-identity`; for Express, Fastify, Hono and node:http, take the one of the same name
 * from their entry.
 *
 * @example
 * ```ts
 * import { responses } from "hosted-agent-identity";
 *
 * export const handler = responses(async function* ({ input, context }) {
 *   yield `Hello ${context.user?.name ?? "you"}, you said: ${input}`;
 * });
 * ```
 * @group Turns
 */
export function responses(
  run: ResponsesRun,
  options: ResponsesOptions = {},
): (request: Request, context?: UserContext) => Promise<Response> {
  return onWeb(responsesHost(run, options));
}

/** A web-standard handler. */
export function onWeb(host: TurnHost): (request: Request, context?: UserContext) => Promise<Response> {
  // Throws at once for another host's arguments: some hosts ignore what a promise rejects with.
  return (request, context) => {
    refuseOtherHosts(host.name, "hosted-agent-identity", ["web"], request);
    return answered(host, request, context);
  };
}

async function answered(
  { settings, answer }: TurnHost,
  request: Request,
  context: UserContext | undefined,
): Promise<Response> {
  const { method, headers } = request;
  const requestId = headers.get("x-request-id");
  const refused = (error: RequestError): Response => toResponse(errorAnswer(error, answerHeaders(requestId)));
  if (request.bodyUsed) return refused(alreadyRead);
  const head = {
    method,
    type: headers.get("content-type"),
    length: headers.get("content-length"),
    encoding: headers.get("content-encoding"),
  };
  const received = await receivedBody(head, request.body, settings.maxBodyBytes);
  if ("error" in received) return refused(received);
  const user = context ?? tryGetUserContext(request);
  const { signal } = request;
  const input = { body: received.bytes, context: user, signal, accept: headers.get("accept"), requestId };
  return toResponse(await answer(input), user);
}

const alreadyRead = requestError(
  500,
  "body_already_read",
  "Something in front of responses() has read the request body. Pass a clone() to it, or read the body in the run, as turn.request.body.",
);

function toResponse({ status, headers, body }: Answer, user?: UserContext): Response {
  if (typeof body === "string") return new Response(body, { status, headers });
  const stream = byteStream(body);
  if (user !== undefined) internalsOf(user).ownBody = stream;
  return new Response(stream, { status, headers });
}
