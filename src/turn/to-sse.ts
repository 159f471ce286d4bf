import type { ResponseEvent } from "../foundry/events.js";

/**
 * Server-sent events as the Responses protocol of Foundry has them: `event:` and `data:` lines, no `id:`, and
 * no `[DONE]` at the end. Cancelling the stream ends the turn.
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
 *   return new Response(toSse(events), { headers: { "content-type": "text/event-stream; charset=utf-8" } });
 * }
 * ```
 * @group Turns
 */
export function toSse(events: AsyncIterable<ResponseEvent>): ReadableStream<Uint8Array> {
  const iterator = events[Symbol.asyncIterator]();
  return byteStream({
    async next() {
      const { done, value } = await iterator.next();
      return done === true ? { done, value: undefined } : { done: false, value: sseBlock(value) };
    },
    async return() {
      await iterator.return?.();
      return { done: true, value: undefined };
    },
  });
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

/** One event as text. */
export function sseBlock(event: ResponseEvent): string {
  return `event: ${event.type.replace(/[\r\n]+/g, " ")}\ndata: ${JSON.stringify(event)}\n\n`;
}
