import type { IncomingMessage, ServerResponse } from "node:http";
import type { ResponsesOptions, ResponsesRun } from "../../turn/responses-options.js";
import { responses as nodeResponses } from "../node/responses.js";

/**
 * A handler for `POST /responses` on Express, behind `userContext()`, with or without `express.json()` before
 * it. See `responses` of the root entry for what it does. Nothing is passed to Express's error handlers: what goes
 * wrong is answered in the platform's error envelope.
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
  return nodeResponses(run, options);
}
