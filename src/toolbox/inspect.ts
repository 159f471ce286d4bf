import { jsonRpcError } from "../foundry/json-rpc.js";
import { eventScanner, maxEventLength } from "./event-stream.js";
import type { RpcOutcome } from "./rpc-outcome.js";
import { parseJson } from "../input/json-limits.js";

/**
 * Looks at the answer of a toolbox on its way to the client. A JSON body is read as far as consent errors
 * reach, an event stream up to its first message: if that is what the judge throws, it is thrown here, typed,
 * and the link in its text gets into no message of the client. Later messages of a stream that the judge
 * throws are passed on with a text without the link. Everything else passes through byte by byte.
 *
 * `hold` is for requests that wait for their answer anyway; a stream that may stay silent is not held.
 */
export async function inspected(response: Response, judge: RpcOutcome, hold: boolean): Promise<Response> {
  const type = response.headers.get("content-type") ?? "";
  if (response.body === null) return response;
  if (/^application\/json\b/i.test(type)) return inspectedJson(response, judge);
  if (/^text\/event-stream\b/i.test(type)) return inspectedEvents(response, response.body, judge, hold);
  return response;
}

async function inspectedJson(response: Response, judge: RpcOutcome): Promise<Response> {
  const text = await beginning(response.clone());
  const fault = text === undefined ? undefined : judge(parsed(text));
  if (fault === undefined) return response;
  await response.body?.cancel();
  throw fault;
}

/** The text of a body; `undefined` if it is longer than is looked at. */
async function beginning(response: Response): Promise<string | undefined> {
  const reader = response.body?.getReader();
  const pieces: Uint8Array[] = [];
  for (let length = 0; reader !== undefined;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    pieces.push(value);
    if (length > maxEventLength) {
      // Settles only with the other half of the body, so it is not waited for.
      void reader.cancel().catch(() => {});
      return undefined;
    }
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** Most answers are no errors, and are not parsed twice. */
function parsed(text: string): unknown {
  if (!text.includes('"error"')) return undefined;
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

async function inspectedEvents(
  response: Response,
  body: ReadableStream<Uint8Array>,
  judge: RpcOutcome,
  hold: boolean,
): Promise<Response> {
  const reader = body.getReader();
  let fault: Error | undefined;
  const scanner = eventScanner((data) => {
    const message = parsed(data);
    const found = judge(message);
    if (found === undefined) return undefined;
    fault ??= found;
    const { code, id = null } = jsonRpcError(message) ?? {};
    return JSON.stringify({
      jsonrpc: "2.0",
      id,
      error: { code, message: found.message, data: { code: found.code } },
    });
  });
  const held: Uint8Array[] = [];
  let heldLength = 0;
  let ended = false;
  while (hold && !ended && !scanner.sawMessage && heldLength <= maxEventLength) {
    const { done, value } = await reader.read();
    const piece = done ? scanner.rest() : scanner.push(value);
    held.push(piece);
    heldLength += piece.length;
    ended = done;
    if (fault === undefined) continue;
    await reader.cancel();
    throw fault;
  }
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of held) if (piece.length > 0) controller.enqueue(piece);
      if (ended) controller.close();
    },
    async pull(controller) {
      for (;;) {
        const { done, value } = await reader.read();
        const piece = done ? scanner.rest() : scanner.push(value);
        if (piece.length > 0) controller.enqueue(piece);
        if (done) return controller.close();
        // Nothing to pass on yet: a pull that enqueues nothing is not repeated.
        if (piece.length > 0) return undefined;
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
  const { status, statusText, headers } = response;
  const passedOn = new Headers(headers);
  passedOn.delete("content-length");
  return new Response(stream, { status, statusText, headers: passedOn });
}
