import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainCopy } from "../../src/turn/run-output.js";

const nested = (depth: number, wrap: (inner: unknown) => unknown): unknown => {
  let value: unknown = "end";
  for (let n = 0; n < depth; n += 1) value = wrap(value);
  return value;
};

describe("a copy as plain data", () => {
  it("is what JSON makes of a value", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        expect(plainCopy(value)).toEqual({ value: JSON.parse(JSON.stringify(value)) as unknown });
      }),
    );
  });

  it.each<[string, unknown]>([
    ["undefined, functions and symbols in fields", { a: undefined, b: () => 1, c: Symbol("c"), d: 1 }],
    ["undefined, functions and symbols in lists", [undefined, () => 1, Symbol("c")]],
    ["dates", { at: new Date(0) }],
    ["numbers that JSON has no word for", [Number.NaN, Number.POSITIVE_INFINITY]],
    // oxlint-disable-next-line unicorn/new-for-builtins, no-new-wrappers -- what an odd library hands over
    ["boxed values", [new String("a"), new Number(1), new Boolean(false)]],
    ["a map, which JSON sees nothing of", { map: new Map([[1, 2]]) }],
    ["a toJSON that gives another object with one", { toJSON: () => ({ toJSON: () => "inner" }) }],
    ["inherited and hidden fields", Object.create({ inherited: 1 }, { hidden: { value: 2 } })],
  ])("agrees with JSON about %s", (_, value) => {
    expect(plainCopy(value)).toEqual({ value: JSON.parse(JSON.stringify(value)) as unknown });
  });

  it("keeps a field named __proto__ as a field", () => {
    const { value } = plainCopy(JSON.parse('{"__proto__":{"admin":true}}'));
    expect(JSON.stringify(value)).toBe('{"__proto__":{"admin":true}}');
    expect((value as { admin?: unknown }).admin).toBeUndefined();
  });

  it("does not change with the original", () => {
    const original = { list: [{ text: "before" }] };
    const { value } = plainCopy(original);
    (original.list[0] as { text: string }).text = "after";
    expect(value).toEqual({ list: [{ text: "before" }] });
  });
});

describe("there is no copy of", () => {
  const cycle: { self?: unknown } = {};
  cycle.self = [cycle];
  const double = (inner: unknown): unknown => [inner, inner];
  const throwing = {
    get text(): string {
      throw new Error("secret");
    },
  };

  it.each<[string, unknown, RegExp]>([
    ["a BigInt", { id: 5n }, /BigInt/],
    ["a cycle", cycle, /cycle/],
    ["a hundred levels and one", nested(101, (inner) => ({ inner })), /levels/],
    ["a toJSON without end", nestedToJson(), /levels/],
    ["levels that share their children", nested(60, double), /values/],
    [
      "a list of four thousand million holes",
      { list: Object.assign([], { length: 4_000_000_000 }) },
      /values/,
    ],
    ["a getter that throws", throwing, /throws/],
    ["a toJSON that throws", { toJSON: () => throwing.text }, /throws/],
    ["a proxy that throws", new Proxy({}, { ownKeys: () => throwing.text as never }), /throws/],
    ["binary data", { image: new Uint8Array(4) }, /binary/],
  ])("%s", (_, value, because) => {
    const { problem } = plainCopy(value);
    expect(problem).toMatch(because);
    expect(problem).not.toContain("secret");
  });

  it("a hundred levels is one", () => {
    expect(plainCopy(nested(100, (inner) => [inner])).problem).toBeUndefined();
  });
});

function nestedToJson(): unknown {
  return { toJSON: () => ({ inner: nestedToJson() }) };
}
