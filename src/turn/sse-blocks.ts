import { HostedAgentIdentityError } from "../errors.js";
import type { ResponseEvent } from "../foundry/events.js";
import { within } from "../async/within.js";

/** A comment of server-sent events, which every reader skips. Source: the SSE writers of the agentserver packages. */
export const keepAlive = ": keep-alive\n\n";

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
export function sseBlocks(
  events: AsyncIterator<ResponseEvent>,
  { keepAliveMs, block = sseBlock, onBroken }: SseBlocksOptions,
): AsyncIterableIterator<string> {
  let coming: Promise<IteratorResult<ResponseEvent>> | undefined;
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
export interface SseBlocksOptions {
  /** The pause after which a comment is sent, in milliseconds; 0 for never. */
  readonly keepAliveMs: number;
  /** One event as text. Default: as it is, because a turn's own events have been checked. */
  readonly block?: (event: ResponseEvent) => string;
  /** Receives what broke the stream. */
  readonly onBroken?: (error: unknown) => void;
}

/** One event as text. */
export function sseBlock(event: ResponseEvent): string {
  return `event: ${event.type.replace(/[\r\n]+/g, " ")}\ndata: ${JSON.stringify(event)}\n\n`;
}
