/** An event stream whose messages are looked at while it passes through. */
export interface EventScanner {
  /** Takes a chunk and returns what to pass on: everything up to the end of the last complete event. */
  push(chunk: Uint8Array): Uint8Array;
  /** The rest, when the stream has ended. */
  rest(): Uint8Array;
  /** Whether a message has passed. */
  readonly sawMessage: boolean;
}

/** Longer events pass without inspection: a request for consent is far shorter. */
export const maxEventLength = 65_536;

/** A line end, then an empty line. Source: HTML, server-sent events, 9.2.5. */
const eventEnd = /(?:\r\n|\r(?!\n)|\n)(?:\r\n|\r(?!\n)|\n)/;

/** Of the characters of an end, which may come in two pieces. */
const longestEnd = 4;

/**
 * Cuts a stream into events and shows the data of each, if it has any. `replace` gives new data, or
 * `undefined` to leave the event exactly as it came.
 */
export function eventScanner(replace: (data: string) => string | undefined): EventScanner {
  // One character for each byte: what is not replaced comes out as it went in, whatever its encoding.
  let pending = "";
  /** Its last characters, in which an end may have begun. All of it is looked at once, however small the pieces are. */
  let seam = "";
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
      let text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("latin1");
      let out = "";
      for (let end = eventEnd.exec(seam + text); end !== null; end = eventEnd.exec(seam + text)) {
        const length = end.index + end[0].length - seam.length;
        const event = pending + text.slice(0, length);
        text = text.slice(length);
        pending = "";
        seam = "";
        out += tooLong ? event : looked(event);
        tooLong = false;
      }
      pending += text;
      seam = (seam + text).slice(-longestEnd + 1);
      if (tooLong || pending.length > maxEventLength) {
        tooLong = true;
        sawMessage = true;
        out += pending.slice(0, pending.length - seam.length);
        pending = seam;
      }
      return Buffer.from(out, "latin1");
    },
    // An event without its empty line does not count, as for the client.
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
