import type { IncomingMessage, ServerResponse } from "node:http";
import type { Context, MiddlewareHandler } from "hono";
import { runInContext } from "../../context/ambient.js";
import {
  refuseOtherHosts,
  headerPairs,
  rawHeaderPairs,
  type HeaderPairs,
} from "../../request/calling-host.js";
import { contextOfRequest, userContextSettings, type UserContextOptions } from "../../request/create.js";
import { withoutHeaders, endWithBody } from "../../request/middleware.js";
import { refusalOf, refusalResponse } from "../../request/refusal.js";
import { endWithResponse, stripHeaders } from "../incoming-message.js";

/**
 * Verifies who is asking, takes the token off the request, and runs everything behind it for that user. The
 * context ends when the body of the response has ended or its connection has closed. It answers a refused token with
 * 401 (503 when keys cannot be fetched) and the platform's error envelope, and any other failure before the next
 * handler, such as an error of your own verifier, with 500.
 *
 * Entry point: `hosted-agent-identity/hono`.
 *
 * @example
 * ```ts
 * import { Hono } from "hono";
 * import { getUserContext, type UserTokenVerifier } from "hosted-agent-identity";
 * import { userContext } from "hosted-agent-identity/hono";
 *
 * export function agent(verify: UserTokenVerifier): Hono {
 *   const app = new Hono();
 *   app.use(userContext({ verify, require: true }));
 *   app.get("/hello", (c) => c.text(`Hello ${getUserContext().user?.name}`));
 *   return app;
 * }
 * ```
 * @group Adapters
 */
export function userContext(options: UserContextOptions): MiddlewareHandler {
  const settings = userContextSettings(options);

  return async function userContext(c, next) {
    refuseOtherHosts("userContext", "hosted-agent-identity/hono", ["hono"], c);
    const original = c.req.raw;
    const { pairs, outgoing } = takeHeaders(c, settings.secretHeaders);
    let context;
    try {
      context = await contextOfRequest(pairs, [c, original, c.req.raw], settings);
    } catch (error) {
      return refusalResponse(refusalOf(error, settings.tokenHeader, c.req.header("x-request-id")));
    }
    if (outgoing !== undefined) endWithResponse(outgoing, context);
    try {
      await runInContext(context, next);
    } catch (error) {
      context.end();
      throw error;
    }
    const response = endWithBody(c.res, context, original.signal);
    if (response !== c.res) c.res = response;
    return undefined;
  };
}

/** Reads the headers and removes some of them, from the request and from Node's request behind it. */
function takeHeaders(
  c: Context,
  names: readonly string[],
): { readonly pairs: HeaderPairs; readonly outgoing: ServerResponse | undefined } {
  const { incoming, outgoing } = (c.env ?? {}) as { incoming?: IncomingMessage; outgoing?: ServerResponse };
  const overNode = Array.isArray(incoming?.rawHeaders);
  const pairs = overNode && incoming ? rawHeaderPairs(incoming.rawHeaders) : headerPairs(c.req.raw.headers);
  c.req.raw = withoutHeaders(c.req.raw, names);
  if (overNode && incoming) stripHeaders(incoming, names);
  return { pairs, outgoing };
}
