import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { tryGetUserContext } from "../../context/ambient.js";
import { contextSlot } from "../../context/slot.js";
import { refuseOtherHosts } from "../../request/calling-host.js";
import type { UserContext } from "../../context/user-context.js";
import { answerTurn } from "../../turn/answer.js";
import { responsesSettings, type ResponsesOptions, type ResponsesRun } from "../../turn/responses-options.js";

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
  const settings = responsesSettings(run, options);
  return async function responsesHandler(request, reply) {
    refuseOtherHosts("responses", "hosted-agent-identity/fastify", ["fastify request"], request);
    const gone = new AbortController();
    reply.raw.once("close", () => gone.abort());
    const context = contextSlot<UserContext>().byRequest.get(request) ?? tryGetUserContext(request.raw);
    const { status, headers, body } = await answerTurn(run, settings, {
      body: request.body,
      context,
      signal: gone.signal,
      requestId: request.headers["x-request-id"]?.toString(),
    });
    if (reply.sent || reply.raw.destroyed) {
      if (typeof body !== "string") await body.return?.();
      return reply;
    }
    reply.code(status).headers(headers);
    return reply.send(typeof body === "string" ? body : Readable.from(body, { objectMode: false }));
  };
}
