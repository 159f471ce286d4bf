/** Longer events pass without inspection: a request to the user is far shorter. */
export const maxEventLength = 65_536;

/** Bytes that come in pieces. Each is copied once, and one that comes alone is not copied at all. */
export class Gathered {
  /** How many there are. */
  length = 0;
  #room: Uint8Array = nothing;

  push(piece: Uint8Array): void {
    const { length } = this;
    const needed = length + piece.length;
    if (length === 0) this.#room = piece;
    else {
      // What came alone is not ours to write to, and is always exactly full.
      if (needed > this.#room.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(2 * needed, mostRoom), leastRoom));
        larger.set(length === this.#room.length ? this.#room : this.#room.subarray(0, length));
        this.#room = larger;
      }
      this.#room.set(piece, length);
    }
    this.length = needed;
  }

  /** Everything so far. Starts again from nothing. */
  take(): Uint8Array {
    const taken = this.length === this.#room.length ? this.#room : this.#room.subarray(0, this.length);
    this.#room = nothing;
    this.length = 0;
    return taken;
  }
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
  /**
   * Takes a chunk and gives everything up to the end of the last complete event, if there is one: in two blocks where
   * an event began in an earlier chunk, so that the rest of a large one is not copied.
   */
  push(chunk: Uint8Array): readonly ScannedEvents[];
  /** The rest, when the stream has ended. An event without its empty line does not count, as for the client. */
  rest(): Uint8Array;
  /** Whether the beginning of an event has been passed on whose end has not come. */
  insideLong(): boolean;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const noEvents: readonly ScannedEvents[] = [];
/** Copying fewer bytes costs less than another block. */
const worthCutting = 4096;

/** Looks at each byte of a stream a fixed number of times, however small or large its chunks are. */
export function eventScanner(longest: number = maxEventLength): EventScanner {
  const pending = new Gathered();
  let last = 0;
  let tooLong = false;

  return {
    push(chunk) {
      if (chunk.length === 0) return noEvents;
      const before = last;
      const end = lastEnd(chunk, before);
      last = chunk[chunk.length - 1] as number;
      const beginsTooLong = tooLong;
      if (end === 0) {
        if (tooLong) return [{ bytes: chunk, isPart: true, beginsTooLong }];
        pending.push(chunk);
        if (pending.length <= longest) return noEvents;
        tooLong = true;
        return [{ bytes: pending.take(), isPart: true, beginsTooLong }];
      }
      tooLong = false;
      const cut = pending.length > 0 && end > worthCutting ? firstEnd(chunk, before) : end;
      pending.push(chunk.subarray(0, cut));
      const events = [{ bytes: pending.take(), isPart: false, beginsTooLong }];
      if (cut < end) events.push({ bytes: chunk.subarray(cut, end), isPart: false, beginsTooLong: false });
      if (end < chunk.length) pending.push(chunk.subarray(end));
      return events;
    },
    rest: () => pending.take(),
    insideLong: () => tooLong,
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
    if (endsEvent(bytes, at, before)) return afterLineEnd(bytes, at);
    if (at === feed) feed = at === 0 ? -1 : bytes.lastIndexOf(lineFeed, at - 1);
    else carriage = at === 0 ? -1 : bytes.lastIndexOf(carriageReturn, at - 1);
  }
}

/** Where the first event of a chunk ends that has an end. */
function firstEnd(chunk: Uint8Array, before: number): number {
  let at = 0;
  while (!endsEvent(chunk, at, before)) at += 1;
  return afterLineEnd(chunk, at);
}

function endsEvent(bytes: Uint8Array, at: number, before: number): boolean {
  if (!isLineEnd(bytes[at])) return false;
  const previous = at === 0 ? before : bytes[at - 1];
  return previous === lineFeed || (previous === carriageReturn && bytes[at] === carriageReturn);
}

function afterLineEnd(bytes: Uint8Array, at: number): number {
  return bytes[at] === carriageReturn && bytes[at + 1] === lineFeed ? at + 2 : at + 1;
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
  return scanner.push(chunk).flatMap(({ bytes, isPart, beginsTooLong }) =>
    [...eventsIn(bytes)].map((text, n) => ({
      text,
      data: isPart || (n === 0 && beginsTooLong) ? "" : dataOf(text),
    })),
  );
}

const lineEnd = /\r\n|\r|\n/;

/** The data of an event; empty for an event without any. */
export function dataOf(event: string): string {
  const lines = event.split(lineEnd).flatMap((line) => (isData(line) ? [line.replace(/^data:? ?/, "")] : []));
  return Buffer.from(lines.join("\n"), "latin1").toString("utf8");
}

/** Whether an event has any. */
export function hasData({ buffer, byteOffset, length }: Uint8Array): boolean {
  const bytes = Buffer.from(buffer, byteOffset, length);
  for (let at = bytes.indexOf(dataField); at >= 0; at = bytes.indexOf(dataField, at + 1)) {
    const value = at + dataField.length;
    const isEmpty = isLineEnd(bytes[bytes[value] === space ? value + 1 : value]);
    if ((at === 0 || isLineEnd(bytes[at - 1])) && !isEmpty) return true;
  }
  return false;
}

const dataField = "data:";
const space = 0x20;

function isLineEnd(byte: number | undefined): boolean {
  return byte === lineFeed || byte === carriageReturn;
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
