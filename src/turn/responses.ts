import { tryGetUserContext } from "../context/ambient.js";
import { answerHeaders } from "../context/answer-headers.js";
import type { UserContext } from "../context/user-context.js";
import { answerTurn, errorAnswer, type Answer } from "./answer.js";
import { requestError, type RequestError } from "./error-envelope.js";
import { responsesSettings, type ResponsesOptions, type ResponsesRun } from "./responses-options.js";
import { byteStream } from "./to-sse.js";

/**
 * A handler for `POST /responses`, web-standard: put it behind `userContext()`. Streams when the request asks
 * for it, else answers with the finished response. Text and events of the run become a response as
 * {@link withConsent} writes it; a body that cannot be read is answered with the platform's error envelope.
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
  const settings = responsesSettings(run, options);
  const maxBytes = settings.maxBodyBytes;
  return async function responsesHandler(request, context) {
    const { method, headers } = request;
    const requestId = headers.get("x-request-id");
    const refusal = (error: RequestError): Response =>
      toResponse(errorAnswer(error, answerHeaders(requestId)));
    const refused = refusedRequest(
      { method, type: headers.get("content-type"), length: headers.get("content-length") },
      maxBytes,
    );
    if (refused !== undefined) return refusal(refused);
    const body = await readBody(request.body, maxBytes);
    if (body === undefined) return refusal(tooLarge);
    const user = context ?? tryGetUserContext(request);
    return toResponse(
      await answerTurn(run, settings, { body, context: user, signal: request.signal, requestId }),
    );
  };
}

/** What is known of a request before its body is read. */
export interface RequestHead {
  readonly method: string | undefined;
  readonly type: string | null | undefined;
  readonly length: string | null | undefined;
}

/** Why a request is refused before its body is read. */
export function refusedRequest(
  { method, type, length }: RequestHead,
  maxBytes: number,
): RequestError | undefined {
  if (method !== "POST") return requestError(405, "method_not_allowed", "Use POST.");
  if (!/^application\/(json|[\w.-]+\+json)\s*(;|$)/i.test(type ?? "")) {
    return requestError(415, "unsupported_media_type", "Send the body as application/json.");
  }
  return Number(length ?? 0) > maxBytes ? tooLarge : undefined;
}

/** A body over the limit. */
export const tooLarge: RequestError = requestError(
  413,
  "request_too_large",
  "The request body is too large.",
);

/** The bytes of a body, or `undefined` when there are more than allowed: reading stops there. */
export async function readBody(
  body: AsyncIterable<Uint8Array> | null,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function toResponse({ status, headers, body }: Answer): Response {
  return new Response(typeof body === "string" ? body : byteStream(body), { status, headers });
}
