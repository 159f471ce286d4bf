import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventScanner, maxEventLength, scanned, withData } from "../../src/access/event-scanner.js";

/** Puts a text through in pieces of the given sizes, and gives what came out and which data was seen. */
function through(
  text: string,
  sizes: readonly number[],
  replace: (data: string) => string | undefined = () => undefined,
): { out: string; seen: string[] } {
  const seen: string[] = [];
  const scanner = eventScanner();
  const bytes = Buffer.from(text, "utf8");
  const out: Uint8Array[] = [];
  for (let at = 0, n = 0; at < bytes.length; n += 1) {
    const size = Math.max(sizes[n % sizes.length] ?? 1, 1);
    for (const { text, data } of scanned(scanner, bytes.subarray(at, at + size))) {
      if (data !== "") seen.push(data);
      const replaced = data === "" ? undefined : replace(data);
      out.push(Buffer.from(replaced === undefined ? text : withData(text, replaced), "latin1"));
    }
    at += size;
  }
  out.push(scanner.rest());
  return { out: Buffer.concat(out).toString("utf8"), seen };
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });

describe("a scanned event stream", () => {
  it("comes out byte for byte, however it is cut and whatever it holds", () => {
    const piece = fc.oneof(
      fc.constantFrom("\n", "\r", "\r\n", "\n\n", "data:", "data: {", "id: 1", ": ping", "event: message"),
      fc.string({ unit: "grapheme-composite", maxLength: 20 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), sizes, (pieces, cut) => {
        const text = pieces.join("");
        expect(through(text, cut).out).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it("shows the same messages, however it is cut and whichever line ends it has", () => {
    const message = fc.array(fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 8 }),
        fc.constantFrom("\n", "\r\n", "\r"),
        sizes,
        (messages, end, cut) => {
          const clean = messages.map((lines) => lines.map((line) => `x${line.replaceAll(/[\r\n]/g, "")}`));
          const text = clean
            .map((lines) => `id: 1${end}${lines.map((line) => `data: ${line}${end}`).join("")}${end}`)
            .join("");
          expect(through(text, cut).seen).toEqual(clean.map((lines) => lines.join("\n")));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("shows the same messages of pieces that hold many, and lets all of them out", () => {
    const message = fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 60, maxLength: 120 }),
        fc.constantFrom("\n", "\r\n", "\r"),
        fc.array(fc.integer({ min: 1, max: 9_000 }), { minLength: 1, maxLength: 8 }),
        (messages, end, cut) => {
          const clean = messages.map((line) => `x${line.replaceAll(/[\r\n]/g, "")}`.repeat(3));
          const text = clean.map((line) => `data: ${line}${end}${end}`).join("");
          expect(through(text, cut)).toEqual({ out: text, seen: clean });
        },
      ),
      { numRuns: 200 },
    );
  });

  it("replaces the data of one event and leaves its other fields and neighbours alone", () => {
    const text = ": hi\n\nevent: message\r\nid: 5\r\ndata: old ü\r\ndata: two\r\n\r\ndata: keep ü\n\n";
    for (const cut of [[1], [3], [1000]]) {
      const { out, seen } = through(text, cut, (data) => (data.startsWith("old") ? "new ß" : undefined));
      expect(seen).toEqual(["old ü\ntwo", "keep ü"]);
      // Cut inside its last line end, the replaced event may be followed by one more empty line.
      expect(out.replaceAll(/\n{3,}/g, "\n\n")).toBe(
        ": hi\n\nevent: message\nid: 5\ndata: new ß\n\ndata: keep ü\n\n",
      );
    }
  });

  it("keeps no more than one event waiting, and passes longer ones on unseen", () => {
    const scanner = eventScanner();
    const lengthOf = (piece: Uint8Array): number =>
      scanned(scanner, piece).reduce((sum, { text }) => sum + text.length, 0);
    let passed = 0;
    const chunk = Buffer.alloc(10_000, "x");
    passed += lengthOf(Buffer.from("data: "));
    for (let sent = 0; sent < 100; sent += 1) {
      passed += lengthOf(chunk);
      expect(6 + (sent + 1) * chunk.length - passed).toBeLessThanOrEqual(maxEventLength);
    }
    expect(scanned(scanner, Buffer.from("\n\ndata: small\n\n")).map(({ data }) => data)).toEqual([
      "",
      "small",
    ]);
  });

  it("does not take an event without its empty line for one", () => {
    expect(through("data: half", [4])).toEqual({ out: "data: half", seen: [] });
  });
});
