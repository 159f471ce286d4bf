import { pause, withDeadline } from "../async/deadline.js";
import { dataOf, eventsIn, maxEventLength } from "./event-scanner.js";
import { opensEventStream } from "./event-stream.js";
import type { Blocks, ReadBlocks } from "./inspected-answer.js";
import { isNetworkError } from "./network-error.js";
import { silent } from "./silence.js";

/** What is done about an answer that breaks off. */
export interface UnbrokenOptions {
  /** The id of the request; `undefined` where the body is no single request. */
  readonly id: () => unknown;
  /** Whether the caller has stopped waiting. */
  readonly left: () => boolean;
  /** Asks for what comes after an event. */
  readonly resume?: ((lastEventId: string) => Promise<Response>) | undefined;
  /** The event in place of the answer that does not come, and why, where the stream broke off. */
  readonly lost: (id: unknown, cause: unknown) => Uint8Array;
  /** How long the server may be silent, in milliseconds; without a limit by default. */
  readonly silenceMs?: number | undefined;
}

/** How long it may take until a stream goes on elsewhere, in milliseconds, besides what the server asks to wait. */
const resumeMs = 4000;
const firstPauseMs = 250;
/** The longest that a server can have its client wait, in milliseconds. */
const maxRetryMs = 30_000;

/**
 * Reads an event stream until it has answered its request. One that breaks off, ends or falls silent before goes on
 * after its last event, if the server numbers its events (MCP 2025-11-25, transports, resumability). Else it ends with a
 * JSON-RPC error for the request: the clients of both MCP SDKs and of the AI SDK only report a broken stream, and their
 * call would wait for its time limit, or for ever.
 */
export function unbroken(options: UnbrokenOptions): ReadBlocks {
  return (body, how) => unbrokenBlocks(body, how, options);
}

function unbrokenBlocks(
  body: ReadableStream<Uint8Array>,
  { open, anew }: Parameters<ReadBlocks>[1],
  options: UnbrokenOptions,
): Blocks {
  const canceled = new AbortController();
  let blocks = open(body);
  let isLost = false;
  let isResumed = false;
  let lastEventId = "";
  let retryMs: number | undefined;
  /** The last events among which the answer may be. */
  let last: Uint8Array = nothing;
  let sawLong = false;

  const attempts = async (signal: AbortSignal): Promise<Response["body"]> => {
    for (let wait = retryMs ?? firstPauseMs; ; wait = Math.max(2 * wait, firstPauseMs)) {
      await pause(wait, signal);
      const response = await options.resume?.(lastEventId).catch((error: unknown) => {
        if (!isNetworkError(error)) throw error;
      });
      if (response === undefined) continue;
      if (opensEventStream(response) && !signal.aborted) return response.body;
      await response.body?.cancel();
      if (!passes.has(response.status)) return null;
    }
  };
  const resumed = async (): Promise<Response["body"]> => {
    if (lastEventId === "" || options.resume === undefined) return null;
    const late = (): Error => new Error("The stream did not go on in time.");
    return withDeadline(resumeMs + (retryMs ?? 0), canceled.signal, late, attempts).catch(() => null);
  };

  return {
    async next() {
      if (isLost) return undefined;
      if (isResumed && isAnswered()) {
        // Some servers leave it open.
        await blocks.cancel().catch(() => {});
        return undefined;
      }
      let cause: unknown;
      try {
        const block = await nextBlock(blocks, options.silenceMs);
        if (block !== undefined || isComplete()) return block;
      } catch (error) {
        if (isComplete()) throw error;
        cause = error;
      }
      const more = await resumed();
      const ending = anew() ?? nothing;
      isLost = more === null;
      if (more === null) return Buffer.concat([ending, options.lost(options.id(), cause)]);
      blocks = open(more);
      isResumed = true;
      return ending;
    },
    saw({ bytes, isPart, beginsTooLong }) {
      if (isLost || isPart) return;
      const events = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      if (events.includes("id:") || events.includes("retry:")) noteFields(events);
      // One that is too long to look at is no notification.
      if (beginsTooLong) sawLong = true;
      if (events.includes('"result"') || events.includes('"error"')) last = events;
    },
    cancel(reason) {
      canceled.abort();
      // One that broke off has nothing left to cancel.
      return blocks.cancel(reason).catch(() => {});
    },
  };

  function noteFields(events: Buffer): void {
    for (const [, field, value = ""] of events.toString("latin1").matchAll(idOrRetry)) {
      // An id that no header can hold resumes nothing.
      if (field === "id") lastEventId = /^[\x20-\x7e]{0,1000}$/.test(value) ? value : "";
      else if (/^\d{1,9}$/.test(value)) retryMs = Math.min(Number(value), maxRetryMs);
    }
  }

  function isAnswered(): boolean {
    if (sawLong) return true;
    for (const event of eventsIn(last))
      if (event.length > maxEventLength || isAnswer(dataOf(event), options.id)) return true;
    return false;
  }

  /** Whether nothing is missing, or nobody waits for it. */
  function isComplete(): boolean {
    return isAnswered() || canceled.signal.aborted || options.left() || options.id() === undefined;
  }
}

const nothing = new Uint8Array();
/** Source: HTML, server-sent events, 9.2.6. */
const idOrRetry = /^(id|retry): ?([^\r\n\0]*)$/gm;
/** What may be otherwise a moment later. 409: the server has not noticed yet that the first stream is gone. */
const passes: ReadonlySet<number> = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

function isAnswer(data: string, id: () => unknown): boolean {
  try {
    const message = Object(JSON.parse(data)) as object;
    return (
      ("result" in message || "error" in message) &&
      !("method" in message) &&
      "id" in message &&
      message.id === id()
    );
  } catch {
    return false;
  }
}

async function nextBlock(blocks: Blocks, silenceMs: number | undefined): Promise<Uint8Array | undefined> {
  if (silenceMs === undefined) return blocks.next();
  try {
    return await withDeadline(silenceMs, undefined, silent, () => blocks.next());
  } catch (error) {
    void blocks.cancel().catch(() => {});
    throw error;
  }
}
