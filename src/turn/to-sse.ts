import type { ResponseEvent } from "../foundry/events.js";
import { keepAliveMsOf, sseBlocks } from "./sse-blocks.js";

/** How events are sent. */
export interface ToSseOptions {
  /**
   * While nobody has an event for so long, in milliseconds, a comment keeps the stream open on its way through
   * proxies; 0 for never. Default: `SSE_KEEPALIVE_INTERVAL` of the environment, in seconds; never if it is not set.
   */
  readonly keepAliveMs?: number;
}

/**
 * Server-sent events as the Responses protocol of Foundry has them: `event:` and `data:` lines, no `id:`, and
 * no `[DONE]` at the end. Cancelling the stream ends the turn. An event that cannot be serialized breaks the
 * stream, and ends the turn as well. Throws `invalid_option`.
 *
 * Entry point: `hosted-agent-identity`.
 *
 * @example
 * ```ts
 * import { toSse, withConsent } from "hosted-agent-identity";
 *
 * export function handler(): Response {
 *   const events = withConsent(async function* () {
 *     yield "Hello";
 *   });
 *   return new Response(toSse(events, { keepAliveMs: 15_000 }), {
 *     headers: {
 *       "content-type": "text/event-stream; charset=utf-8",
 *       "cache-control": "no-cache, no-transform",
 *     },
 *   });
 * }
 * ```
 * @group Turns
 */
export function toSse(
  events: AsyncIterable<ResponseEvent>,
  options: ToSseOptions = {},
): ReadableStream<Uint8Array> {
  return byteStream(
    sseBlocks(events[Symbol.asyncIterator](), keepAliveMsOf(options.keepAliveMs, process.env)),
  );
}

/** Text as it comes, as a stream of bytes. Cancelling the stream ends the text. */
export function byteStream(text: AsyncIterator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await text.next();
      if (done === true) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      await text.return?.();
    },
  });
}
