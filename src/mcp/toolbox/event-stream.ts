/** An event stream whose messages are looked at while it passes through. */
export interface EventScanner {
  /** Takes a piece and gives what may be passed on: everything up to the end of the last whole event. */
  push(chunk: Uint8Array): Uint8Array;
  /** What is left when the stream has ended. */
  rest(): Uint8Array;
  /** Whether a message has passed. */
  readonly sawMessage: boolean;
}

/** Longer events are passed on unseen: nobody asks for consent in that many characters. */
export const maxEventLength = 65_536;

/** A line end, then an empty line. Source: HTML, server-sent events, 9.2.5. */
const eventEnd = /(?:\r\n|\r(?!\n)|\n)(?:\r\n|\r(?!\n)|\n)/;

/**
 * Cuts a stream into events and shows the data of each, if it has any. `replace` gives new data, or
 * `undefined` to leave the event exactly as it came.
 */
export function eventScanner(replace: (data: string) => string | undefined): EventScanner {
  // One character for each byte: what is not replaced comes out as it went in, whatever its encoding.
  let pending = "";
  let tooLong = false;
  let sawMessage = false;

  const looked = (event: string): string => {
    const data = dataOf(event);
    if (data === "") return event;
    sawMessage = true;
    const replaced = replace(data);
    return replaced === undefined ? event : withData(event, replaced);
  };

  return {
    push(chunk) {
      pending += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("latin1");
      let out = "";
      for (let end = eventEnd.exec(pending); end !== null; end = eventEnd.exec(pending)) {
        const event = pending.slice(0, end.index + end[0].length);
        pending = pending.slice(event.length);
        out += tooLong ? event : looked(event);
        tooLong = false;
      }
      if (tooLong || pending.length > maxEventLength) {
        tooLong = true;
        sawMessage = true;
        // The end of an event is at most four characters long and may come in two pieces.
        out += pending.slice(0, -3);
        pending = pending.slice(-3);
      }
      return Buffer.from(out, "latin1");
    },
    // An event without its empty line does not count, for the client neither.
    rest: () => Buffer.from(pending, "latin1"),
    get sawMessage() {
      return sawMessage;
    },
  };
}

const lineEnd = /\r\n|\r|\n/;

function dataOf(event: string): string {
  const lines = event.split(lineEnd).flatMap((line) => (isData(line) ? [line.replace(/^data:? ?/, "")] : []));
  return Buffer.from(lines.join("\n"), "latin1").toString("utf8");
}

function isData(line: string): boolean {
  return line === "data" || line.startsWith("data:");
}

function withData(event: string, data: string): string {
  const others = event.split(lineEnd).filter((line) => line !== "" && !isData(line));
  const encoded = Buffer.from(data, "utf8").toString("latin1");
  return [...others, `data: ${encoded}`, "", ""].join("\n");
}
