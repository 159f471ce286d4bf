import type { HostedAgentIdentityError } from "../errors.js";
import { parseJson } from "../input/json-limits.js";
import {
  dataOf,
  eventScanner,
  eventsIn,
  Gathered,
  hasData,
  longestEnd,
  maxEventLength,
  withData,
  type EventScanner,
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
    const ending = scanner.insideLong() ? Buffer.from("\n\n") : undefined;
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
  const text = new Gathered();
  let ended = false;
  try {
    while (!ended && text.length <= maxEventLength) ended = !gather(text, await blocks.next());
  } catch {
    // One that breaks off is the client's to notice.
  }
  const begun = text.take();
  const fault = ended ? await faultIn(bufferOf(begun), judge) : undefined;
  if (fault !== undefined) throw fault.error;
  return withBody(response, ended ? whole(begun) : passedOn(blocks, begun, asItIs));
}

/** The text of a body; `undefined` if it is longer than is looked at, or breaks off: the client notices, too. */
export async function beginning({ body }: Response): Promise<string | undefined> {
  if (body === null) return undefined;
  const blocks = blocksOf(body);
  const text = new Gathered();
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
  const partsOf = (block: Uint8Array | undefined): readonly ScannedEvents[] =>
    block === undefined
      ? [{ bytes: scanner().rest(), isPart: true, beginsTooLong: false }]
      : scanner().push(block);
  const look = (
    events: ScannedEvents,
    onFault?: (fault: MessageFault) => Promise<never>,
  ): Uint8Array | Promise<Uint8Array> => {
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

  const held = new Gathered();
  for (let ended = !hold; !ended && !sawMessage && held.length <= maxEventLength;) {
    // A stream that breaks off before its first message is the client's to resume.
    const block = await blocks.next().catch(() => undefined);
    for (const events of partsOf(block)) held.push(await look(events, refuse));
    ended = block === undefined;
  }
  return withBody(response, passedOn(blocks, held.take(), { partsOf, look: (events) => look(events) }));
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
      if (value.length >= enough) return value;
      const block = new Gathered();
      block.push(value);
      while (block.length < enough) {
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
/** Bytes of a block that need no more beside them. */
const enough = 16_384;

/** What is passed on of a body. */
interface PassedOn<Part> {
  /** The parts of a block, or of the end. */
  partsOf(block: Uint8Array | undefined): readonly Part[];
  look(part: Part): Uint8Array | Promise<Uint8Array>;
}

const asItIs: PassedOn<Uint8Array> = {
  partsOf: (block) => (block === undefined ? [] : [block]),
  look: (block) => block,
};

/** A body that has been read to its end as a stream again. */
function whole(bytes: Uint8Array): Body {
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (bytes.length > 0) controller.enqueue(bytes);
        controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

/** A body of which `begun` has been read as a stream again. */
function passedOn<Part>(blocks: Blocks, begun: Uint8Array, { partsOf, look }: PassedOn<Part>): Body {
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (begun.length > 0) controller.enqueue(begun);
      },
      async pull(controller) {
        for (let passed = false; !passed;) {
          const block = await blocks.next();
          for (const part of partsOf(block)) {
            const looked = look(part);
            const piece = looked instanceof Promise ? await looked : looked;
            if (piece.length === 0) continue;
            controller.enqueue(piece);
            passed = true;
          }
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

/** A copy: the headers of a response may be immutable, with a host's own Response also those of a new one. */
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
