import { within } from "../async/deadline.js";
import { HostedAgentIdentityError } from "../errors.js";
import type { ResponseEvent } from "../foundry/events.js";
import { outgoingEvent } from "./outgoing-items.js";

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

/** A comment of server-sent events, which every reader skips. Source: the SSE writers of the agentserver packages. */
const keepAlive = ": keep-alive\n\n";

/** The longest time that Node can wait. */
const maxMs = 2 ** 31 - 1;

/**
 * The pauses after which a stream says that it is alive, in milliseconds; 0 for never. The environment gives
 * seconds, as the platform sets them. Throws `invalid_option`.
 * Source: azure-ai-agentserver-core, `resolve_sse_keepalive_interval`: an integer, 0 by default and for never.
 */
export function keepAliveMsOf(
  option: number | undefined,
  env: Readonly<Record<string, string | undefined>>,
): number {
  if (option !== undefined) {
    if (Number.isFinite(option) && option >= 0) return Math.min(option, maxMs);
    throw new HostedAgentIdentityError(
      "invalid_option",
      `keepAliveMs: expected milliseconds, or 0 for never, got ${JSON.stringify(option)}.`,
    );
  }
  const text = env["SSE_KEEPALIVE_INTERVAL"]?.trim() ?? "";
  if (text === "") return 0;
  if (/^[+-]?\d+$/.test(text)) return Math.min(Math.max(0, Number(text) * 1000), maxMs);
  throw new HostedAgentIdentityError(
    "invalid_option",
    `SSE_KEEPALIVE_INTERVAL: expected whole seconds, got ${JSON.stringify(text)}.`,
  );
}

/**
 * Events as the text of server-sent events. While a reader waits for the next one, a comment comes in each pause, so
 * that no proxy takes the stream for dead. Nothing runs while nobody reads. An event that breaks the stream ends the
 * turn.
 */
export function sseBlocks<Event extends SentEvent>(
  events: AsyncIterator<Event>,
  { keepAliveMs, block = sseBlock, onBroken }: SseBlocksOptions<Event>,
): AsyncIterableIterator<string> {
  let coming: Promise<IteratorResult<Event>> | undefined;
  const blocks: AsyncIterableIterator<string> = {
    [Symbol.asyncIterator]: () => blocks,
    async next() {
      try {
        coming ??= events.next();
        const result = keepAliveMs > 0 ? await within(coming, keepAliveMs) : await coming;
        if (result === undefined) return { done: false, value: keepAlive };
        coming = undefined;
        if (result.done === true) return { done: true, value: undefined };
        return { done: false, value: block(result.value) };
      } catch (error) {
        // A host's own events can do this: a run's are checked. Nobody will read on, so the turn ends here.
        onBroken?.(error);
        await blocks.return?.();
        throw error;
      }
    },
    async return() {
      try {
        await events.return?.();
      } catch (error) {
        if (onBroken === undefined) throw error;
        onBroken(error);
      }
      return { done: true, value: undefined };
    },
  };
  return blocks;
}

/** How events are written. */
interface SseBlocksOptions<Event> {
  /** The pause after which a comment is sent, in milliseconds; 0 for never. */
  readonly keepAliveMs: number;
  /** One event as text. Default: as it is, because a turn's own events have been checked. */
  readonly block?: (event: Event) => string;
  /** Receives what broke the stream. */
  readonly onBroken?: (error: unknown) => void;
}

/** Anything that has a type. */
export interface SentEvent {
  readonly type: string;
}

/** One event as text. */
function sseBlock(event: SentEvent): string {
  return `event: ${event.type.replace(/[\r\n]+/g, " ")}\ndata: ${JSON.stringify(event)}\n\n`;
}
