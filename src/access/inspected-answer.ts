import type { HostedAgentIdentityError } from "../errors.js";
import { parseJson } from "../input/json-limits.js";
import {
  dataOf,
  eventScanner,
  eventsIn,
  gathered,
  hasData,
  longestEnd,
  maxEventLength,
  withData,
  type EventScanner,
  type Gathered,
  type ScannedEvents,
} from "./event-scanner.js";
import { isEventStream } from "./event-stream.js";

/** What a message of a server means for the caller: this error, in place of the answer to the request `id`. */
export interface MessageFault {
  readonly error: HostedAgentIdentityError;
  /** The code of the JSON-RPC error that the client gets where the message stood in the middle of a stream. */
  readonly code: unknown;
  readonly id: unknown;
}

/** Looks at the messages of an answer. */
export interface MessageJudge {
  /** Whether bytes may hold what is looked for. Most do not, and are not parsed twice. */
  mayConcern(bytes: Buffer): boolean;
  /** `undefined` for a message to pass on. */
  judge(message: unknown): MessageFault | undefined | Promise<MessageFault | undefined>;
}

/** A body in blocks: what has come in so far, in one. Small pieces cost their reader more than their bytes do. */
export interface Blocks {
  /** `undefined` at the end, and for each call after it. */
  next(): Promise<Uint8Array | undefined>;
  /** To be told of each block of whole events. */
  saw?(events: ScannedEvents): void;
  cancel(reason?: unknown): Promise<void>;
}

/**
 * Reads the blocks of an event stream. `open` does so plainly. `anew` says that the stream goes on elsewhere, so that an
 * event that has not come in whole counts for nothing; the bytes that it returns come first.
 */
export type ReadBlocks = (
  body: Body,
  how: { readonly open: (body: Body) => Blocks; readonly anew: () => Uint8Array | undefined },
) => Blocks;

/**
 * Looks at the answer of a server on its way to the client. A JSON body is read as far as requests to the user
 * reach, an event stream up to its first message: if that is what the judge refuses, the error is thrown here, typed,
 * and the link in its text gets into no message of the client. Later messages of a stream that the judge
 * refuses are passed on with a text without the link. Everything else passes through byte by byte; what came in many
 * small pieces at once goes on in fewer.
 *
 * `hold` is for requests that wait for their answer anyway; a stream that may stay silent is not held. `read` says how a
 * stream is read; without it, one that breaks off does so for the client, too.
 */
export async function inspected(
  response: Response,
  judge: MessageJudge,
  hold: boolean,
  read: ReadBlocks = blocksOf,
): Promise<Response> {
  if (response.body === null) return response;
  const type = response.headers.get("content-type") ?? "";
  if (/^application\/json\b/i.test(type)) return inspectedJson(response, response.body, judge);
  if (!isEventStream(response)) return response;
  let scanner = eventScanner();
  const anew = (): Uint8Array | undefined => {
    // The client ends what it has of an event that was cut off, and finds no message in it.
    const ending = scanner.insideLong ? Buffer.from("\n\n") : undefined;
    scanner = eventScanner();
    return ending;
  };
  const blocks = read(response.body, { open: blocksOf, anew });
  return inspectedEvents(response, { blocks, scanner: () => scanner }, judge, hold);
}

async function inspectedJson(response: Response, body: Body, judge: MessageJudge): Promise<Response> {
  const length = Number(response.headers.get("content-length") ?? 0);
  if (length > maxEventLength && !response.headers.has("content-encoding")) return response;
  const blocks = blocksOf(body);
  const text = gathered();
  let ended = false;
  try {
    while (!ended && text.length <= maxEventLength) ended = !gather(text, await blocks.next());
  } catch {
    // One that breaks off is the client's to notice.
  }
  const begun = text.take();
  const fault = ended ? await faultIn(bufferOf(begun), judge) : undefined;
  if (fault !== undefined) throw fault.error;
  return withBody(
    response,
    passedOn(blocks, begun, (block) => block),
  );
}

/** The text of a body; `undefined` if it is longer than is looked at, or breaks off: the client notices, too. */
export async function beginning({ body }: Response): Promise<string | undefined> {
  if (body === null) return undefined;
  const blocks = blocksOf(body);
  const text = gathered();
  try {
    while (text.length <= maxEventLength) {
      if (!gather(text, await blocks.next())) return bufferOf(text.take()).toString("utf8");
    }
  } catch {
    return undefined;
  }
  // Settles only with the other half of a body that was cloned, so it is not waited for.
  void blocks.cancel().catch(() => {});
  return undefined;
}

function faultIn(bytes: Buffer, { mayConcern, judge }: MessageJudge): ReturnType<MessageJudge["judge"]> {
  if (!mayConcern(bytes)) return undefined;
  let message;
  try {
    message = parseJson(bytes);
  } catch {
    return undefined;
  }
  return judge(message);
}

async function inspectedEvents(
  response: Response,
  { blocks, scanner }: { readonly blocks: Blocks; readonly scanner: () => EventScanner },
  judge: MessageJudge,
  hold: boolean,
): Promise<Response> {
  let sawMessage = false;

  /** What to pass on of events. `onFault` may throw. */
  const judged = async (
    { bytes, beginsTooLong }: ScannedEvents,
    onFault?: (fault: MessageFault) => Promise<never>,
  ): Promise<Uint8Array> => {
    let out = "";
    let isLate = beginsTooLong;
    for (const text of eventsIn(bytes)) {
      const isTooLong = isLate || text.length > maxEventLength + longestEnd;
      const data = isTooLong ? "" : dataOf(text);
      isLate = false;
      const fault = data === "" ? undefined : await faultIn(Buffer.from(data), judge);
      if (fault !== undefined) await onFault?.(fault);
      out += fault === undefined ? text : withData(text, errorMessage(fault));
    }
    return Buffer.from(out, "latin1");
  };
  const look = (
    block: Uint8Array | undefined,
    onFault?: (fault: MessageFault) => Promise<never>,
  ): Uint8Array | Promise<Uint8Array> | undefined => {
    if (block === undefined) return scanner().rest();
    const events = scanner().push(block);
    if (events === undefined) return undefined;
    blocks.saw?.(events);
    sawMessage ||= events.isPart || hasData(events.bytes);
    // A line end is no part of what is looked for, so the lines of an event need not be joined for this.
    const mayConcern = !events.isPart && judge.mayConcern(bufferOf(events.bytes));
    return mayConcern ? judged(events, onFault) : events.bytes;
  };
  const refuse = async ({ error }: MessageFault): Promise<never> => {
    await blocks.cancel();
    throw error;
  };

  const held = gathered();
  for (let ended = !hold; !ended && !sawMessage && held.length <= maxEventLength;) {
    // A stream that breaks off before its first message is the client's to resume.
    const block = await blocks.next().catch(() => undefined);
    held.push((await look(block, refuse)) ?? nothing);
    ended = block === undefined;
  }
  return withBody(
    response,
    passedOn(blocks, held.take(), (block) => look(block)),
  );
}

/** Adds a block; `false` for none. */
function gather(to: Gathered, block: Uint8Array | undefined): boolean {
  if (block !== undefined) to.push(block);
  return block !== undefined;
}

function blocksOf(body: Body): Blocks {
  const reader = body.getReader();
  let coming: ReturnType<typeof reader.read> | undefined;
  return {
    async next() {
      const first = coming ?? reader.read();
      coming = undefined;
      const { done, value } = await first;
      if (done) return undefined;
      if (value.length >= maxEventLength) return value;
      const block = gathered();
      block.push(value);
      while (block.length < maxEventLength) {
        let read: Awaited<typeof first> | undefined;
        coming = reader.read();
        coming.then(
          (there) => (read = there),
          () => {},
        );
        // A stream that has more gives it within a few turns of the microtasks.
        for (let turn = 0; turn < maxTurns && read === undefined; turn += 1) await undefined;
        // The next call meets the end.
        const more = (read as typeof read)?.value;
        if (more === undefined) break;
        block.push(more);
        coming = undefined;
      }
      return block.take();
    },
    cancel: (reason) => reader.cancel(reason),
  };
}

const maxTurns = 4;
const nothing = new Uint8Array();

/** A body of which `begun` has been read as a stream again. `look`: what to pass on of a block, and of the end. */
function passedOn(
  blocks: Blocks,
  begun: Uint8Array,
  look: (block: Uint8Array | undefined) => Uint8Array | Promise<Uint8Array> | undefined,
): Body {
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (begun.length > 0) controller.enqueue(begun);
      },
      async pull(controller) {
        for (;;) {
          const block = await blocks.next();
          const looked = look(block);
          const piece = looked instanceof Promise ? await looked : looked;
          if (piece !== undefined && piece.length > 0) return controller.enqueue(piece);
          if (block === undefined) return controller.close();
        }
      },
      cancel: (reason) => blocks.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

function withBody({ url, status, statusText, headers }: Response, body: Body): Response {
  const passedOn = headers.has("content-length") ? withoutLength(headers) : headers;
  return Object.defineProperty(new Response(body, { status, statusText, headers: passedOn }), "url", {
    value: url,
  });
}

function withoutLength(headers: Headers): Headers {
  const others = new Headers(headers);
  others.delete("content-length");
  return others;
}

type Body = ReadableStream<Uint8Array>;

function bufferOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

/** The JSON-RPC error in place of a message. */
export function errorMessage({ error, code, id }: MessageFault): string {
  return JSON.stringify({
    jsonrpc: "2.0",
    id: id ?? null,
    error: { code, message: error.message, data: { code: error.code } },
  });
}
