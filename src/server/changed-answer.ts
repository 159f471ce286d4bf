import type { ServerResponse } from "node:http";
import { changedStream, type LateAnswer } from "./late-answer.js";

/** How a response is written: what the SDKs' adapters call. */
type Written = string | Uint8Array | undefined;

/**
 * Changes what is written to a response of Node into what a call has found out late. A JSON answer is written after
 * the call has ended, so its head waits for the body then; an event stream is changed where the answer stands.
 */
export function changeAnswer(response: ServerResponse, late: LateAnswer): void {
  const { writeHead, write, end } = response;
  let head: { readonly status: number; readonly headers: Readonly<Record<string, unknown>> } | undefined;
  let stream: ReturnType<typeof changedStream> | undefined;
  const pieces: Uint8Array[] = [];

  /** Decides by the type of the answer, once. */
  const begin = (status: number, headers: Readonly<Record<string, unknown>> = {}): void => {
    if (response.headersSent || head !== undefined || stream !== undefined) return;
    const type = String(headers["content-type"] ?? response.getHeader("content-type") ?? "");
    if (isJson(type) && late.found()) head = { status, headers };
    if (isEventStream(type)) stream = changedStream(late);
  };

  response.writeHead = function begun(this: ServerResponse, status: number, ...rest: never[]) {
    begin(status, headersIn(rest.at(-1)));
    return head === undefined ? writeHead.call(this, status, ...rest) : this;
  } as typeof writeHead;

  response.write = function written(this: ServerResponse, piece: Written, ...rest: unknown[]) {
    begin(this.statusCode);
    if (head === undefined && stream === undefined) return write.apply(this, [piece, ...rest] as never);
    const bytes = bytesOf(piece, rest[0]);
    const done = rest.find((one) => typeof one === "function") as (() => void) | undefined;
    if (stream !== undefined) return write.call(this, stream.push(bytes), done as never);
    pieces.push(bytes);
    done?.();
    return true;
  } as typeof write;

  response.end = function ended(this: ServerResponse, ...given: unknown[]) {
    const piece = typeof given[0] === "function" ? undefined : (given[0] as Written);
    const done = given.find((one) => typeof one === "function") as (() => void) | undefined;
    begin(this.statusCode);
    if (head === undefined && stream === undefined) return end.apply(this, given as never);
    const bytes = bytesOf(piece, given[1]);
    if (head === undefined) {
      const last = stream === undefined ? [bytes] : [stream.push(bytes), stream.rest()];
      return end.call(this, Buffer.concat(last), done as never);
    }
    const body = Buffer.concat([...pieces, bytes]);
    const { status, headers } = head;
    const { "content-length": _length, ...kept } = headers;
    this.removeHeader("content-length");
    writeHead.call(this, status, kept as never);
    return end.call(this, late.instead(body.toString("utf8")) ?? body, done as never);
  } as typeof end;
}

/** The same for a web-standard response. */
export async function changedResponse(response: Response, late: LateAnswer): Promise<Response> {
  const { status, statusText, headers, body } = response;
  const type = headers.get("content-type") ?? "";
  if (body === null) return response;
  const kept = new Headers(headers);
  kept.delete("content-length");
  if (isEventStream(type)) {
    const stream = changedStream(late);
    const through = new TransformStream<Uint8Array, Uint8Array>({
      transform: (piece, controller) => controller.enqueue(stream.push(piece)),
      flush: (controller) => controller.enqueue(stream.rest()),
    });
    return new Response(body.pipeThrough(through), { status, statusText, headers: kept });
  }
  if (!isJson(type) || !late.found()) return response;
  const text = await response.text();
  return new Response(late.instead(text) ?? text, { status, statusText, headers: kept });
}

const isJson = (type: string): boolean => /^application\/json\b/i.test(type);
const isEventStream = (type: string): boolean => /^text\/event-stream\b/i.test(type);

function bytesOf(piece: Written, encoding: unknown): Uint8Array {
  if (piece === undefined || piece === null) return new Uint8Array();
  return typeof piece === "string"
    ? Buffer.from(piece, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8")
    : piece;
}

/** Headers as `writeHead` takes them, by their names in lower case. */
export function headersIn(given: unknown): Readonly<Record<string, unknown>> {
  if (typeof given !== "object" || given === null) return {};
  const pairs = Array.isArray(given) ? pairsIn(given) : Object.entries(given);
  return Object.fromEntries(pairs.map(([name, value]) => [String(name).toLowerCase(), value]));
}

function pairsIn(list: readonly unknown[]): readonly (readonly unknown[])[] {
  if (list.every((one) => Array.isArray(one))) return list;
  return list.flatMap((name, at) => (at % 2 === 0 ? [[name, list[at + 1]]] : []));
}
