import { receivedBody } from "../../../src/turn/received-body.js";
import { readTurnRequest } from "../../../src/turn/turn-request.js";
import { valueIn, type Input, type Size } from "../target.js";

/** A body of so many levels or values as the input says, near the limits; `undefined` when it says nothing. */
export function largeBody(input: Input): string | undefined {
  const [levels, values] = [valueIn(input, "levels"), valueIn(input, "values")];
  if (typeof levels === "number" && levels >= 2) return deepBody(Math.min(levels, 2_000));
  if (typeof values === "number" && values >= 3) return wideBody(Math.min(Math.floor(values), 60_000));
  return undefined;
}

/** How many levels and values an object has. Counted once more, with nothing of src. */
export function depthAndValues(value: unknown): { readonly depth: number; readonly values: number } {
  let values = 0;
  let depth = 0;
  for (let level = [value]; level.length > 0; depth += 1) {
    values += level.length;
    level = level.flatMap((one) => (typeof one === "object" && one !== null ? Object.values(one) : []));
  }
  return { depth: depth - 1, values };
}

const deepBody = (levels: number): string => `{"x":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
/** The object, its list, and what is in the list. */
const wideBody = (values: number): string => `{"x":[${"1,".repeat(values - 3)}1]}`;
const hello = '{"role":"user","content":"hello"}';
/** Four values each: itself, its role, its content, and the object and list of all of them are two more. */
const conversation = (items: number): string =>
  `{"input":[${Array.from({ length: items }, () => hello).join(",")}]}`;

const mostBytes = 4 * 1024 * 1024;
const wrapped = (length: number, text: string): string =>
  text.repeat(Math.floor((length - 12) / text.length));

/** In what a body can grow, up to the documented limits: 4 MiB, 50 000 values, 100 levels. */
export const bodySizes: readonly Size[] = [
  size("bytes of one text", mostBytes, (n) => `{"input":"${wrapped(n, "x")}"}`),
  size("bytes of escapes", mostBytes, (n) => `{"input":"${wrapped(n, "\\n")}"}`),
  // Six bytes each.
  size("bytes of text in other scripts", mostBytes, (n) => `{"input":"${"é😀".repeat((n - 12) / 6)}"}`),
  size("bytes of space", mostBytes, (n) => `{"input":${wrapped(n, " ")}""}`),
  size("values", 50_000, wideBody),
  size("words", 49_990, (n) => `{"x":[${"true,".repeat(n - 1)}null]}`),
  size("items of the input", 16_000, conversation),
  size("fields", 24_000, (n) => {
    const fields = Array.from({ length: n }, (_, at) => `"f${at}":${at}`);
    return `{"x":{${fields.join(",")}}}`;
  }),
  size("levels of 400 lists", 100, (n) => {
    const list = `${"[".repeat(n - 2)}${"]".repeat(n - 2)}`;
    return `{"x":[${Array.from({ length: 400 }, () => list).join(",")}]}`;
  }),
];

function size(of: string, upTo: number, text: (n: number) => string): Size {
  return {
    of,
    upTo,
    // A small body costs what any request costs.
    from: upTo / 2,
    input: (n) => Buffer.from(text(n), "utf8"),
    run: async (input) => {
      const head = { method: "POST", type: "application/json", length: null, encoding: null };
      const received = await receivedBody(head, inPieces(input as Buffer), mostBytes);
      const read = "error" in received ? received : readTurnRequest(received.bytes);
      if ("error" in read) throw new Error(`refused: ${read.error.message}`);
    },
    beside: {
      name: "JSON.parse of the same bytes",
      times: 2,
      run: async (input) => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of inPieces(input as Buffer)) chunks.push(chunk);
        JSON.parse(Buffer.concat(chunks).toString("utf8"));
      },
    },
  };
}

/** As a socket gives them. */
async function* inPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}
