import { opensEventStream, sseMessage } from "./event-stream.js";

/** A request of a turn whose answer has not been received. What its server says meanwhile can be put into the answer. */
export interface CallUnderWay {
  /** Sends the request, and returns its answer with what is pushed in between. */
  carry(send: () => Promise<Response>): Promise<Response>;
  /** Has the client read a message as part of the answer, and so in the context of the call. */
  push(message: string): void;
}

/**
 * A call whose request has the JSON-RPC id `id`. `over` is called once, when its answer has been received. A message
 * that comes before the answer makes an event stream of it, which servers may always answer with (MCP 2025-11-25,
 * transports, sending messages to the server).
 */
export function callUnderWay(id: unknown, over: () => void): CallUnderWay {
  const queue: string[] = [];
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let answerEarly = (): void => {};
  /** What has been passed on last: a message is put between two events only. */
  let tail = "\n\n";

  const flush = (): void => {
    if (controller === undefined || !eventEnd.test(tail)) return;
    for (const message of queue.splice(0)) controller.enqueue(Buffer.from(sseMessage(message)));
  };
  const merged = (answer: () => Promise<ReadableStream<Uint8Array> | null>): ReadableStream<Uint8Array> => {
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    return new ReadableStream<Uint8Array>({
      start(started) {
        controller = started;
        flush();
      },
      async pull(open) {
        try {
          reader ??= (await answer())?.getReader();
          const { done, value } = (await reader?.read()) ?? { done: true };
          if (value !== undefined) {
            open.enqueue(value);
            tail = (tail + Buffer.from(value.subarray(-4)).toString("latin1")).slice(-4);
          }
          flush();
          if (!done) return;
          controller = undefined;
          open.close();
        } catch (error) {
          controller = undefined;
          over();
          throw error;
        }
        over();
      },
      async cancel(reason) {
        controller = undefined;
        over();
        await reader?.cancel(reason);
      },
    });
  };

  return {
    async carry(send) {
      try {
        const sent = send();
        const early = new Promise<undefined>((resolve) => (answerEarly = () => resolve(undefined)));
        const response = await Promise.race([sent, early]);
        // What was said while the answer arrived must not be lost.
        if (response === undefined || (response.ok && queue.length > 0 && !opensEventStream(response))) {
          // Whoever reads the stream learns of it.
          sent.catch(() => {});
          const headers = { "content-type": "text/event-stream" };
          return new Response(
            merged(async () => eventsOf(await sent, id)),
            { headers },
          );
        }
        if (response.body === null || !opensEventStream(response)) {
          over();
          return response;
        }
        const { body, status, statusText } = response;
        const headers = new Headers(response.headers);
        headers.delete("content-length");
        return new Response(
          merged(async () => body),
          { status, statusText, headers },
        );
      } catch (error) {
        over();
        throw error;
      }
    },
    push(message) {
      queue.push(message);
      answerEarly();
      flush();
    },
  };
}

/** A line end, then an empty line. */
const eventEnd = /(?:\r\n|\r(?!\n)|\n)(?:\r\n|\r|\n)$/;

/** An answer as an event stream. The client has been told already that it gets one. */
async function eventsOf(response: Response, id: unknown): Promise<ReadableStream<Uint8Array> | null> {
  if (opensEventStream(response)) return response.body;
  const text = await response.text();
  if (response.ok && text === "") return null;
  const message = `The server answered with status ${response.status}.`;
  const failure = JSON.stringify({ jsonrpc: "2.0", id: id ?? null, error: { code: -32_603, message } });
  return new Response(sseMessage(response.ok ? text : failure)).body;
}
