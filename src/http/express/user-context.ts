import type { RequestHandler } from "express";
import type { UserContextOptions } from "../../request/create.js";
import { userContextOnNode } from "../node/user-context.js";

/**
 * Verifies who is asking, takes the token off the request, and runs everything behind it for that user. Put
 * it before body parsers and loggers. The context ends when the response has finished or its connection has
 * closed. It answers a refused token with 401 (503 when keys cannot be fetched) and the platform's error envelope, and
 * any other failure before the next handler, such as an error of your own verifier, with 500.
 *
 * A body parser that loses the async context does no harm: `getUserContext(req)` finds it by the request.
 *
 * Entry point: `hosted-agent-identity/express`.
 *
 * @example
 * ```ts
 * import express from "express";
 * import { getUserContext, type UserTokenVerifier } from "hosted-agent-identity";
 * import { userContext } from "hosted-agent-identity/express";
 *
 * export function agent(verify: UserTokenVerifier): express.Express {
 *   const app = express();
 *   app.use(userContext({ verify, require: true }));
 *   app.get("/hello", (req, res) => void res.send(`Hello ${getUserContext(req).user?.name}`));
 *   return app;
 * }
 * ```
 * @group Adapters
 */
export function userContext(options: UserContextOptions): RequestHandler {
  return userContextOnNode(
    options,
    (error, _request, _response, next) => next(error),
    "hosted-agent-identity/express",
  );
}
