/** Longer events pass without inspection: a request to the user is far shorter. */
export const maxEventLength = 65_536;

/** Bytes that come in pieces. Each is copied once, and one that comes alone is not copied at all. */
export interface Gathered {
  readonly length: number;
  push(piece: Uint8Array): void;
  /** Everything so far. Starts again from nothing. */
  take(): Uint8Array;
}

export function gathered(): Gathered {
  let room: Uint8Array = nothing;
  let length = 0;
  return {
    get length() {
      return length;
    },
    push(piece) {
      const needed = length + piece.length;
      if (length === 0) room = piece;
      else {
        // What came alone is not ours to write to, and is always exactly full.
        if (needed > room.length) {
          const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(2 * needed, mostRoom), leastRoom));
          larger.set(length === room.length ? room : room.subarray(0, length));
          room = larger;
        }
        room.set(piece, length);
      }
      length = needed;
    },
    take() {
      const taken = length === room.length ? room : room.subarray(0, length);
      room = nothing;
      length = 0;
      return taken;
    },
  };
}

const nothing = new Uint8Array();
const leastRoom = 512;
/** A block of the longest event, and the piece that made it so long. */
const mostRoom = maxEventLength + 16_384;

/** Whole events as they came in, or a part of one that is too long to look at. */
export interface ScannedEvents {
  readonly bytes: Uint8Array;
  readonly isPart: boolean;
  /** Whether the first of them ends an event that is too long to look at. */
  readonly beginsTooLong: boolean;
}

/** Cuts an event stream where events end. */
export interface EventScanner {
  /** Takes a chunk and gives everything up to the end of the last complete event, if there is one. */
  push(chunk: Uint8Array): ScannedEvents | undefined;
  /** The rest, when the stream has ended. An event without its empty line does not count, as for the client. */
  rest(): Uint8Array;
  /** Whether the beginning of an event has been passed on whose end has not come. */
  readonly insideLong: boolean;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Looks at each byte of a stream a fixed number of times, however small or large its chunks are. */
export function eventScanner(longest: number = maxEventLength): EventScanner {
  const pending = gathered();
  let last = 0;
  let tooLong = false;

  return {
    push(chunk) {
      if (chunk.length === 0) return undefined;
      const end = lastEnd(chunk, last);
      last = chunk[chunk.length - 1] as number;
      const beginsTooLong = tooLong;
      if (end === 0) {
        if (tooLong) return { bytes: chunk, isPart: true, beginsTooLong };
        pending.push(chunk);
        if (pending.length <= longest) return undefined;
        tooLong = true;
        return { bytes: pending.take(), isPart: true, beginsTooLong };
      }
      tooLong = false;
      pending.push(chunk.subarray(0, end));
      const bytes = pending.take();
      if (end < chunk.length) pending.push(chunk.subarray(end));
      return { bytes, isPart: false, beginsTooLong };
    },
    rest: () => pending.take(),
    get insideLong() {
      return tooLong;
    },
  };
}

/**
 * Where the last event of a chunk ends: after a line end that follows another one; 0 if none does. `before` is the
 * byte before the chunk. Source: HTML, server-sent events, 9.2.5.
 */
function lastEnd(chunk: Uint8Array, before: number): number {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
  // Searched for once, and again only from where the last one was found.
  let feed = bytes.lastIndexOf(lineFeed);
  let carriage = bytes.lastIndexOf(carriageReturn);
  for (;;) {
    const at = Math.max(feed, carriage);
    if (at < 0) return 0;
    const previous = at === 0 ? before : bytes[at - 1];
    const isEnd = previous === lineFeed || (previous === carriageReturn && bytes[at] === carriageReturn);
    if (isEnd) return bytes[at] === carriageReturn && bytes[at + 1] === lineFeed ? at + 2 : at + 1;
    if (at === feed) feed = at === 0 ? -1 : bytes.lastIndexOf(lineFeed, at - 1);
    else carriage = at === 0 ? -1 : bytes.lastIndexOf(carriageReturn, at - 1);
  }
}

/** Of the characters of an event's end. */
export const longestEnd = 4;

const eventEnd = /(?:\r\n|\r(?!\n)|\n)(?:\r\n|\r(?!\n)|\n)/g;

/** Whole events one by one, a character for each byte: what is not replaced goes out as it came, whatever it is. */
export function* eventsIn(bytes: Uint8Array): Generator<string> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  let from = 0;
  for (const { index, 0: end } of text.matchAll(eventEnd)) {
    yield text.slice(from, index + end.length);
    from = index + end.length;
  }
  if (from < text.length) yield text.slice(from);
}

/** One event, or a part of one that is too long to look at. */
export interface ScannedEvent {
  readonly text: string;
  /** Empty for an event without any, and for one that is too long. */
  readonly data: string;
}

/** Puts a chunk through a scanner and takes apart what comes out. */
export function scanned(scanner: EventScanner, chunk: Uint8Array): readonly ScannedEvent[] {
  const events = scanner.push(chunk);
  if (events === undefined) return [];
  return [...eventsIn(events.bytes)].map((text, n) => ({
    text,
    data: events.isPart || (n === 0 && events.beginsTooLong) ? "" : dataOf(text),
  }));
}

const lineEnd = /\r\n|\r|\n/;

/** The data of an event; empty for an event without any. */
export function dataOf(event: string): string {
  const lines = event.split(lineEnd).flatMap((line) => (isData(line) ? [line.replace(/^data:? ?/, "")] : []));
  return Buffer.from(lines.join("\n"), "latin1").toString("utf8");
}

/** Whether an event has any. */
export function hasData({ buffer, byteOffset, length }: Uint8Array): boolean {
  return /(?:^|[\r\n])data:(?! ?[\r\n])/.test(Buffer.from(buffer, byteOffset, length).toString("latin1"));
}

function isData(line: string): boolean {
  return line === "data" || line.startsWith("data:");
}

/** An event with other data. */
export function withData(event: string, data: string): string {
  const others = event.split(lineEnd).filter((line) => line !== "" && !isData(line));
  const encoded = Buffer.from(data, "utf8").toString("latin1");
  return [...others, `data: ${encoded}`, "", ""].join("\n");
}
