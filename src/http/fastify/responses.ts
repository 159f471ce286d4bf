import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { tryGetUserContext } from "../../context/ambient.js";
import { refuseOtherHosts } from "../../request/calling-host.js";
import { contextSlot } from "../../context/user-context.js";
import { answerHeaders } from "../../request/answer-headers.js";
import { errorAnswer, responsesHost, type TurnHost } from "../../turn/answer.js";
import { refusedRequest } from "../../turn/received-body.js";
import type { ResponsesOptions, ResponsesRun } from "../../turn/responses-options.js";

/**
 * A handler for `POST /responses` on Fastify, behind `userContext()`. Fastify reads the body, so its `bodyLimit`
 * counts. See `responses` of the root entry for what it does. Throws `invalid_option` when another kind of host calls it;
 * the message names the entry for that host.
 *
 * Entry point: `hosted-agent-identity/fastify`.
 *
 * @example
 * ```ts
 * import fastify from "fastify";
 * import { responses } from "hosted-agent-identity/fastify";
 *
 * export const app = fastify();
 * app.post(
 *   "/responses",
 *   responses(async function* ({ input }) {
 *     yield `You said: ${input}`;
 *   }),
 * );
 * ```
 * @group Adapters
 */
export function responses(
  run: ResponsesRun,
  options: ResponsesOptions = {},
): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply> {
  return onFastify(responsesHost(run, options));
}

/** A handler for Fastify. */
export function onFastify({
  name,
  answer,
}: TurnHost): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply> {
  return async (request, reply) => {
    refuseOtherHosts(name, "hosted-agent-identity/fastify", ["fastify request"], request);
    const gone = new AbortController();
    const leave = (): void => gone.abort();
    reply.raw.once("close", leave);
    const context = contextSlot.byRequest.get(request) ?? tryGetUserContext(request.raw);
    const { method, headers: sent } = request;
    const requestId = sent["x-request-id"]?.toString();
    const { accept, "content-type": type, "content-length": length } = sent;
    // Fastify itself reads text/plain, which a page of another site can send without a preflight.
    const refusal = refusedRequest({ method, type, length });
    const { status, headers, body } =
      refusal === undefined
        ? await answer({ body: request.body, context, signal: gone.signal, accept, requestId })
        : errorAnswer(refusal, answerHeaders(requestId));
    if (reply.sent || reply.raw.destroyed) {
      if (typeof body !== "string") await body.return?.();
      return reply;
    }
    reply.code(status).headers(headers);
    // Once the turn has ended, nothing is left to cancel, and an abort makes an error with its stack.
    const ended = (): unknown => reply.raw.off("close", leave);
    if (typeof body !== "string")
      return reply.send(Readable.from(body, { objectMode: false }).once("end", ended));
    ended();
    return reply.send(body);
  };
}
