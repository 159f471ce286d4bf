import type { Context } from "hono";
import { tryGetUserContext } from "../../context/ambient.js";
import { refuseOtherHosts } from "../../request/calling-host.js";
import type { ResponsesOptions, ResponsesRun } from "../../turn/responses-options.js";
import { responsesHost, type TurnHost } from "../../turn/answer.js";
import { onWeb } from "../../turn/responses.js";

/**
 * A handler for `POST /responses` on Hono, behind `userContext()`. See `responses` of the root entry for what
 * it does. Throws `invalid_option` when another kind of host calls it; the message names the entry for that host.
 *
 * Entry point: `hosted-agent-identity/hono`.
 *
 * @example
 * ```ts
 * import { Hono } from "hono";
 * import { responses } from "hosted-agent-identity/hono";
 *
 * export const app = new Hono();
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
): (c: Context) => Promise<Response> {
  return onHono(responsesHost(run, options));
}

/** A handler for Hono. */
export function onHono(host: TurnHost): (c: Context) => Promise<Response> {
  const handle = onWeb(host);
  return (c) => {
    refuseOtherHosts(host.name, "hosted-agent-identity/hono", ["hono"], c);
    return handle(c.req.raw, tryGetUserContext(c.req.raw));
  };
}
