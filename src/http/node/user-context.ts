import type { IncomingMessage, ServerResponse } from "node:http";
import { runInContext } from "../../context/ambient.js";
import { refuseOtherHosts } from "../../request/calling-host.js";
import { userContextSettings, type UserContextOptions } from "../../request/create.js";
import { warnOf } from "../../errors/warn-of.js";
import { endBroken, openUserContext, refuse } from "../incoming-message.js";

/** Middleware in the shape of `node:http`, connect and Express. */
export type NodeUserContext = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Verifies who is asking, takes the token off the request, and runs `next` for that user. The context ends
 * when the response has finished or its connection has closed. It answers a refused token with 401 (503 when keys
 * cannot be fetched) and the platform's error envelope, and any other failure with 500. It calls `next` for neither,
 * because a server that ignores the argument of `next` would go on.
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
  const failed = (error: unknown, request: IncomingMessage, response: ServerResponse): void => {
    // A plain server ignores the argument of `next`, and would go on without a verified user.
    warnOf("userContext()", error);
    endBroken(response, request.headers["x-request-id"]?.toString());
  };
  return userContextOnNode(options, failed, "hosted-agent-identity/node");
}

/** The middleware. `failed` gets errors other than refusals. */
export function userContextOnNode(
  options: UserContextOptions,
  failed: (
    error: unknown,
    request: IncomingMessage,
    response: ServerResponse,
    next: (error?: unknown) => void,
  ) => void,
  entry: string,
): NodeUserContext {
  const settings = userContextSettings(options);
  return function userContext(request, response, next) {
    refuseOtherHosts("userContext", entry, ["node", "express"], request);
    void openUserContext(request, response, [], settings)
      .then(({ context, refusal }) => {
        if (context === undefined) return refuse(response, refusal);
        // On a plain server `next` is often an async function, and nothing else would handle its rejection.
        // oxlint-disable-next-line promise/no-callback-in-promise -- middleware goes on by its callback
        return runInContext(context, (): unknown => next());
      })
      .catch((error: unknown) => failed(error, request, response, next));
  };
}
