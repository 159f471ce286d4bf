import { runInContext } from "../context/ambient.js";
import { internalsOf } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";

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
