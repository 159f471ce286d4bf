import type { IncomingMessage, ServerResponse } from "node:http";
import { onNode } from "../node/responses.js";
import { invocationsHost, type InvocationRun, type InvocationsOptions } from "../../turn/invocations.js";

/**
 * A handler for `POST /invocations` on Express, behind `userContext()`. See `invocations` of the root entry for what it
 * does. Throws `invalid_option`.
 *
 * Entry point: `hosted-agent-identity/express`.
 *
 * @example
 * ```ts
 * import express from "express";
 * import { invocations } from "hosted-agent-identity/express";
 *
 * export const app = express();
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
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return onNode(invocationsHost(run, options), "hosted-agent-identity/express");
}
