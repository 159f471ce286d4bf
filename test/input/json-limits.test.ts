import { describe, expect, it } from "vitest";
import { excessInText, excessInValue, jsonLimits, parseJson } from "../../src/input/json-limits.js";

const { depth, values } = jsonLimits;
const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
const wide = (count: number): string => `[${Array.from({ length: count - 1 }, () => "0").join(",")}]`;

/** Texts that are JSON, and the limit each is over. */
const texts: readonly (readonly [string, string, "depth" | "values" | undefined])[] = [
  ["as deep as may be", nested(depth), undefined],
  ["one level deeper", nested(depth + 1), "depth"],
  ["objects, one level deeper", `${'{"a":'.repeat(depth)}{}${"}".repeat(depth)}`, "depth"],
  ["as wide as may be", wide(values), undefined],
  ["one value wider", wide(values + 1), "values"],
  ["an object one value wider", `{${wide(values).slice(1, -1).replaceAll("0", '"a":0')},"b":1}`, "values"],
  ["brackets in texts", JSON.stringify(["[".repeat(1_000), "{,".repeat(60_000)]), undefined],
  ["escaped quotes and backslashes", JSON.stringify([`"`.repeat(500), `\\`.repeat(501), `\\"[`]), undefined],
  [
    "empty containers, which hold nothing",
    `[${wide(values).slice(1, -1).replaceAll("0", "[ \n ]")}]`,
    undefined,
  ],
  ["an escaped quote far into a text", JSON.stringify([`${"a".repeat(200)}"${"[".repeat(200)}`]), undefined],
  ["a bare value", "5", undefined],
  ["text of several bytes a letter", JSON.stringify({ input: "é😀".repeat(1_000) }), undefined],
];

describe("the limits of a body", () => {
  it.each(texts)("%s", (_, text, excess) => {
    // Containers with one repeated name are one value when parsed, so only their depth is the same.
    if (!text.startsWith('{"a":0')) expect(excessInValue(JSON.parse(text))).toBe(excess);
    expect(excessInText(Buffer.from(text))).toBe(excess);
    if (excess === undefined) expect(parseJson(text)).toEqual(JSON.parse(text));
    else expect(() => parseJson(text)).toThrow(RangeError);
  });

  it.each([
    ["a text that does not end", '["' + "a".repeat(500)],
    ["a text that ends with its escape", '["' + "a".repeat(500) + "\\"],
    ["more closed than opened", "]]]]"],
    ["space up to the end", `[${" ".repeat(1_000)}`],
    ["nothing", ""],
  ])("leave %s to the parser", (_, text) => {
    expect(excessInText(Buffer.from(text))).toBeUndefined();
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
  });

  it("hold for a value with a circle in it, and do not recurse", () => {
    const circle: unknown[] = [];
    circle.push(circle);
    expect(excessInValue(circle)).toBe("depth");
    expect(excessInValue(JSON.parse(nested(200_000)))).toBe("depth");
  });

  it("cost no more than reading the same bytes does", () => {
    const bodies = [
      JSON.stringify({ input: "x".repeat(2_000_000) }),
      JSON.stringify({ input: '"'.repeat(500_000) }),
      JSON.stringify({
        input: Array.from({ length: 5_000 }, (_, n) => ({ role: "user", content: `hello ${n}` })),
      }),
      JSON.stringify(Array.from({ length: 40_000 }, (_, n) => n / 7)),
      `[${" ".repeat(2_000_000)}]`,
    ];
    for (const text of bodies) {
      const bytes = Buffer.from(text);
      const scan = best(() => excessInText(bytes));
      const read = best(() => JSON.parse(bytes.toString("utf8")) as unknown);
      expect({ text: text.slice(0, 40), slow: scan > 2 * read + 0.5 }).toMatchObject({ slow: false });
    }
  });
});

/** The shortest of some runs: other work on the machine only makes one longer. */
function best(work: () => unknown): number {
  let shortest = Infinity;
  for (let n = 0; n < 15; n += 1) {
    const start = performance.now();
    work();
    shortest = Math.min(shortest, performance.now() - start);
  }
  return shortest;
}
