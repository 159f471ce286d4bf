import type { ResponseEvent } from "../foundry/events.js";
import { outgoingEvent } from "./outgoing-items.js";
import { keepAlive, keepAliveMsOf, sseBlock, sseBlocks } from "./sse-blocks.js";

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
 * no `[DONE]` at the end. Cancelling the stream ends the turn. Throws `invalid_option`.
 *
 * Events of your own are checked as they leave. One that is no event of the protocol, cannot be serialized, or has an
 * item without a type (`invalid_run_output`), and one with a consent link that is not well formed
 * (`consent_link_refused`), breaks the stream and ends the turn. A policy for links belongs to `withConsent()`.
 *
 * Entry point: `hosted-agent-identity/turn`.
 *
 * @example
 * ```ts
 * import { toSse, withConsent } from "hosted-agent-identity/turn";
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
  const keepAliveMs = keepAliveMsOf(options.keepAliveMs, process.env);
  return byteStream(sseBlocks(events[Symbol.asyncIterator](), { keepAliveMs, block: checkedBlock }));
}

/** An event that a host has made itself: it is checked here, because no turn has done so. */
function checkedBlock(given: ResponseEvent): string {
  const event = outgoingEvent(given);
  return event === undefined ? keepAlive : sseBlock(event);
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
