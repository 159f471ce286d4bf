import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from "fastify";
import { handlerCheck, headersOf, webAnswer, type WebHandler } from "../web-handler.js";

/**
 * A plugin that serves a web-standard handler, such as `signIn.handler`, under the prefix it is registered
 * with. Bodies reach the handler as they came, whatever parsers the rest of the server has, at most 64 KiB of
 * them (413 for more). What the handler throws goes to Fastify.
 *
 * Entry point: `hosted-agent-identity/fastify`.
 *
 * @example
 * ```ts
 * import fastify from "fastify";
 * import { webHandler } from "hosted-agent-identity/fastify";
 * import type { SignIn } from "hosted-agent-identity/sign-in";
 *
 * export const app = (signIn: SignIn) => fastify().register(webHandler(signIn.handler), { prefix: "/sign-in" });
 * ```
 * @group Sign-in
 */
export function webHandler(handler: WebHandler): FastifyPluginCallback {
  handlerCheck.read(handler, "webHandler: handler");
  return function webHandler(fastify, _options, ready) {
    // Holds inside this plugin only. Fastify itself takes JSON and plain text, and answers 415 to a form.
    fastify.removeAllContentTypeParsers();
    fastify.addContentTypeParser("*", (_request, _payload, done) => done(null));
    const serve = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      const answer = await webAnswer(handler, request.raw);
      if (answer === undefined) return reply.hijack();
      reply.code(answer.status).headers(headersOf(answer));
      return reply.send(Buffer.from(await answer.arrayBuffer()));
    };
    fastify.all("/", serve);
    fastify.all("/*", serve);
    ready();
  };
}
