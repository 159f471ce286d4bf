import type { IncomingMessage, ServerResponse } from "node:http";
import { runInContext } from "../../context/ambient.js";
import { userContextSettings, type UserContextOptions } from "../../context/create.js";
import { openUserContext, refuse } from "../incoming-message.js";

/** Middleware in the shape of `node:http`, connect and Express. */
export type NodeUserContext = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Verifies who is asking, takes the token off the request, and runs `next` for that user. The context ends
 * when the response has finished or its connection has closed. A token that is not acceptable is answered
 * here, with 401 (503 when keys cannot be fetched) and the platform's error envelope.
 *
 * Events of the request fire outside the async context: use `getUserContext(request)` there.
 *
 * Entry point: `hosted-agent-identity/node`.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { getUserContext, type UserTokenVerifier } from "hosted-agent-identity";
 * import { userContext } from "hosted-agent-identity/node";
 *
 * export function serve(verify: UserTokenVerifier): void {
 *   const asUser = userContext({ verify, require: true });
 *   createServer((request, response) =>
 *     asUser(request, response, () => response.end(`Hello ${getUserContext().user?.name}`)),
 *   ).listen(8088);
 * }
 * ```
 * @group Adapters
 */
export function userContext(options: UserContextOptions): NodeUserContext {
  const settings = userContextSettings(options);
  return function userContext(request, response, next) {
    void openUserContext(request, response, [], settings).then(({ context, refusal }) => {
      if (context === undefined) return refuse(response, refusal);
      // oxlint-disable-next-line promise/no-callback-in-promise -- middleware goes on by its callback
      runInContext(context, () => next());
    }, next);
  };
}
