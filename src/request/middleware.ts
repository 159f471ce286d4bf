import { runInContext } from "../context/ambient.js";
import { type UserContext, internalsOf } from "../context/user-context.js";
import { refuseOtherHosts, headerPairs } from "./calling-host.js";
import {
  contextOfRequest,
  userContextSettings,
  type UserContextOptions,
  type UserContextSettings,
} from "./create.js";
import { refusalOf, refusalResponse } from "./refusal.js";

/** Middleware of web-standard hosts. `next` runs in the user context. */
export type UserContextMiddleware = (
  request: Request,
  next: (request: Request) => Response | Promise<Response>,
) => Promise<Response>;

/**
 * Verifies who is asking, carries it while the request is handled, and takes the token off the request that
 * `next` gets. The context ends when the body of the returned response has ended, was cancelled or failed,
 * or when the request is aborted. A refused token is answered with 401 (503 when keys cannot be fetched) and the
 * platform's error envelope; any other failure before `next`, such as an error of your own verifier, with 500. Errors of
 * `next` are rethrown. Throws `invalid_option` when another kind of host calls it;
 * the message names the entry for that host.
 *
 * Entry point: `hosted-agent-identity`. Express, Fastify, Hono and `node:http` have their own.
 *
 * @example
 * ```ts
 * import { getUserContext, userContext, type UserTokenVerifier } from "hosted-agent-identity";
 *
 * export function handler(verify: UserTokenVerifier): (request: Request) => Promise<Response> {
 *   const asUser = userContext({ verify, require: true });
 *   return (request) => asUser(request, () => new Response(`Hello ${getUserContext().user?.name}`));
 * }
 * ```
 * @group Context
 */
export function userContext(options: UserContextOptions): UserContextMiddleware {
  const settings = userContextSettings(options);

  // Throws at once for another host's arguments: some hosts ignore what a promise rejects with.
  return function userContext(request, next) {
    refuseOtherHosts("userContext", "hosted-agent-identity", ["web"], request);
    return runAsUser(request, next, settings);
  };
}

async function runAsUser(
  request: Request,
  next: (request: Request) => Response | Promise<Response>,
  settings: UserContextSettings,
): Promise<Response> {
  const stripped = withoutHeaders(request, settings.secretHeaders);
  let context;
  try {
    context = await contextOfRequest(headerPairs(request.headers), [request, stripped], settings);
  } catch (error) {
    return refusalResponse(refusalOf(error, settings.tokenHeader, request.headers.get("x-request-id")));
  }
  const current = context;
  try {
    const response = await runInContext(current, () => next(stripped));
    return endWithBody(response, current, request.signal);
  } catch (error) {
    current.end();
    throw error;
  }
}

/** The same request without some headers. The body moves to the new one, which shares the signal. */
export function withoutHeaders(request: Request, names: readonly string[]): Request {
  const headers = new Headers(request.headers);
  for (const name of names) headers.delete(name);
  // A body that was read already cannot move.
  if (request.bodyUsed) {
    return new Request(request.url, { method: request.method, headers, signal: request.signal });
  }
  return new Request(request, { headers });
}

/**
 * Passes a response on and ends the context with its body: when the body is read to the end, cancelled or fails, or
 * when the request is aborted. The body is pulled inside the context, because its reader runs outside of it. The body
 * of `responses()` does both by itself.
 */
export function endWithBody(response: Response, context: UserContext, signal?: AbortSignal): Response {
  if (response.body === null) {
    context.end();
    return response;
  }
  endWithSignal(context, signal);
  if (response.body === internalsOf(context).ownBody) return response;
  const { status, statusText, headers } = response;
  return new Response(pulledInside(response.body, context), { status, statusText, headers });
}

type Body = NonNullable<Response["body"]>;

function pulledInside(body: Body, context: UserContext): Body {
  const reader = body.getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await runInContext(context, () => reader.read());
          if (!done) return controller.enqueue(value);
          context.end();
          controller.close();
        } catch (error) {
          context.end();
          throw error;
        }
      },
      async cancel(reason: unknown) {
        try {
          await runInContext(context, () => reader.cancel(reason));
        } finally {
          context.end();
        }
      },
    },
    // Pull nothing before the body is read.
    { highWaterMark: 0 },
  );
}

function endWithSignal(context: UserContext, signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  if (signal.aborted) return context.end();
  const end = (): void => context.end();
  signal.addEventListener("abort", end, { once: true });
  internalsOf(context).endListeners.add(() => signal.removeEventListener("abort", end));
}
