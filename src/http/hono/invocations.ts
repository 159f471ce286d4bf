import type { Context } from "hono";
import { onHono } from "./responses.js";
import { invocationsHost, type InvocationRun, type InvocationsOptions } from "../../turn/invocations.js";

/**
 * A handler for `POST /invocations` on Hono, behind `userContext()`. See `invocations` of the root entry for what it
 * does. Throws `invalid_option`.
 *
 * Entry point: `hosted-agent-identity/hono`.
 *
 * @example
 * ```ts
 * import { Hono } from "hono";
 * import { invocations } from "hosted-agent-identity/hono";
 *
 * export const app = new Hono();
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
): (c: Context) => Promise<Response> {
  return onHono(invocationsHost(run, options));
}
