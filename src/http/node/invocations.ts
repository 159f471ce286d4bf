import type { IncomingMessage, ServerResponse } from "node:http";
import { onNode } from "./responses.js";
import { invocationsHost, type InvocationRun, type InvocationsOptions } from "../../turn/invocations.js";

/**
 * A handler for `POST /invocations` on `node:http`, behind `userContext()`. See `invocations` of the root entry for what it
 * does. Throws `invalid_option`.
 *
 * Entry point: `hosted-agent-identity/node`.
 *
 * @example
 * ```ts
 * import { invocations } from "hosted-agent-identity/node";
 *
 * export const handler = invocations(async function* ({ body }) {
 *   yield JSON.stringify(body);
 * });
 * ```
 * @group Adapters
 */
export function invocations(
  run: InvocationRun,
  options: InvocationsOptions = {},
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return onNode(invocationsHost(run, options), "hosted-agent-identity/node");
}
