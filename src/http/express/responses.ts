import type { IncomingMessage, ServerResponse } from "node:http";
import type { ResponsesOptions, ResponsesRun } from "../../turn/responses-options.js";
import { responsesHost } from "../../turn/answer.js";
import { onNode } from "../node/responses.js";

/**
 * A handler for `POST /responses` on Express, behind `userContext()`, with or without `express.json()` before
 * it. See `responses` of the root entry for what it does. It answers failures itself, in the platform's error envelope:
 * Express's error handlers do not run. Throws `invalid_option` when another kind of host calls it; the message names the
 * entry for that host.
 *
 * Entry point: `hosted-agent-identity/express`.
 *
 * @example
 * ```ts
 * import express from "express";
 * import { responses } from "hosted-agent-identity/express";
 *
 * export const app = express();
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
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return onNode(responsesHost(run, options), "hosted-agent-identity/express");
}
