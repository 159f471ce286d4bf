import type { FastifyReply, FastifyRequest } from "fastify";
import { onFastify } from "./responses.js";
import { invocationsHost, type InvocationRun, type InvocationsOptions } from "../../turn/invocations.js";

/**
 * A handler for `POST /invocations` on Fastify, behind `userContext()`. See `invocations` of the root entry for what it
 * does. Throws `invalid_option`.
 *
 * Entry point: `hosted-agent-identity/fastify`.
 *
 * @example
 * ```ts
 * import fastify from "fastify";
 * import { invocations } from "hosted-agent-identity/fastify";
 *
 * export const app = fastify();
 * app.post(
 *   "/invocations",
 *   invocations(async function* ({ body }) {
 *     yield JSON.stringify(body);
 *   }),
 * );
 * ```
 * @group Adapters
 */
export function invocations(
  run: InvocationRun,
  options: InvocationsOptions = {},
): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply> {
  return onFastify(invocationsHost(run, options));
}
