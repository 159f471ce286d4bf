import { afterEach, describe, expect, it, vi } from "vitest";
import { inspected } from "../../src/access/inspected-answer.js";
import { mayElicit } from "../../src/access/elicitation-messages.js";
import { parseJson } from "../../src/input/json-limits.js";

afterEach(() => void vi.restoreAllMocks());

/** Counts the bytes that native code is given to look at or to copy. What is done in JavaScript is done for each piece. */
function countedBytes(): () => number {
  let bytes = 0;
  const count = (
    name: keyof Buffer & string,
    of: (self: Uint8Array, args: readonly unknown[]) => number,
  ): void => {
    const real = Buffer.prototype[name] as (...args: unknown[]) => unknown;
    vi.spyOn(Buffer.prototype, name as "includes").mockImplementation(function (
      this: Buffer,
      ...args: unknown[]
    ) {
      bytes += of(this, args);
      return Reflect.apply(real, this, args) as boolean;
    });
  };
  const whole = (self: Uint8Array): number => self.length;
  for (const name of ["indexOf", "toString"] as const) count(name, whole);
  count("lastIndexOf", function (self, [byte, from]) {
    const start = typeof from === "number" ? from : self.length - 1;
    const found = Uint8Array.prototype.lastIndexOf.call(self, byte as number, start);
    return start - Math.max(found, 0) + 1;
  });
  const set = Uint8Array.prototype.set;
  vi.spyOn(Uint8Array.prototype, "set").mockImplementation(function (this: Uint8Array, from, at) {
    bytes += from.length;
    set.call(this, from, at);
  });
  return () => bytes;
}

function answer(type: string, text: string, piece: number): Response {
  const bytes = Buffer.from(text);
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(new Uint8Array(bytes.subarray(at, at + piece)));
      at += piece;
    },
  });
  return new Response(body, { headers: { "content-type": type } });
}

const result = (size: number): string =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, result: { text: "x ".repeat(size / 2) } });
const shapes: Readonly<Record<string, (size: number) => readonly [type: string, text: string]>> = {
  JSON: (size) => ["application/json", result(size)],
  "one event": (size) => ["text/event-stream", `event: message\ndata: ${result(size)}\n\n`],
  "one event of many lines": (size) => ["text/event-stream", `${"data: 1,\r\n".repeat(size / 10)}\r\n`],
  "many events": (size) => ["text/event-stream", `data: ${result(100)}\n\n`.repeat(size / 160)],
  "many empty lines": (size) => ["text/event-stream", "\n".repeat(size)],
  "line ends of both kinds": (size) => ["text/event-stream", `data: \r: \n`.repeat(size / 10)],
};

describe("the bytes that are looked at or copied for each byte of an answer", () => {
  const cases = Object.keys(shapes).flatMap((shape) =>
    [
      [1_000, 1],
      [60_000, 7],
      [60_000, 1_400],
      [200_000, 3],
      [1_000_000, 1_400],
      [4_000_000, 65_536],
    ].map(([size = 0, piece = 0]) => ({ shape, size, piece })),
  );

  it.each(cases)("are few: $shape, $size bytes in pieces of $piece", async ({ shape, size, piece }) => {
    const [type, text] = shapes[shape]?.(size) ?? ["", ""];
    const response = answer(type, text, piece);
    const judge = { mayConcern: mayElicit, judge: () => undefined };
    const bytes = countedBytes();
    const passed = await inspected(response, judge, true);
    const reader = (passed.body as ReadableStream<Uint8Array>).getReader();
    const out: Uint8Array[] = [];
    for (let read = await reader.read(); !read.done; read = await reader.read()) out.push(read.value);
    const looked = bytes();
    vi.restoreAllMocks();
    expect(Buffer.concat(out).toString()).toBe(text);
    expect(looked / text.length).toBeLessThan(10);
    expect(looked).toBeGreaterThan(0);
  });

  it("are not parsed twice, unless they hold one of the words", async () => {
    const seen: unknown[] = [];
    const judge = { mayConcern: mayElicit, judge: (message: unknown) => void seen.push(message) };
    const words = [
      '{"mode":"url"}',
      '{"url":1}',
      '{"\\u0075rl":1}',
      '{"mode":"ur\\u006c"}',
      '{"a":"e\\u0072ror"}',
    ];
    const others = ['{"text":"a \\"url\\" \\u00e9 \\u0007"}', '{"error":1}', '{"a":"elicitation"}'];
    for (const text of [...others, ...words]) {
      const passed = await inspected(answer("application/json", text, 5), judge, true);
      expect(await passed.text()).toBe(text);
    }
    expect(seen).toEqual(words.map((text) => parseJson(text)));
  });
});
