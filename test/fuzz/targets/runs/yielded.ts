import { responseEventTypes } from "../../../../src/foundry/event-types.js";
import { valueIn } from "../../target.js";

/**
 * What a run yields, from JSON: an object `{ "$": … }` stands for what no JSON holds, or for much of something.
 * `most` is how many values there may be of it.
 */
export function yieldedValue(given: unknown, most: number): unknown {
  if (typeof given !== "object" || given === null) return given;
  const name = valueIn(given, "$");
  const n = valueIn(given, "n");
  const make = typeof name === "string" && Object.hasOwn(made, name) ? made[name] : undefined;
  if (make !== undefined) return make(typeof n === "number" && n > 0 ? Math.min(Math.ceil(n), most) : 1);
  if (Array.isArray(given)) return given.map((one) => yieldedValue(one, most));
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, yieldedValue(value, most)]));
}

/** What no JSON holds. */
const made: Readonly<Record<string, (n: number) => unknown>> = {
  undefined: () => undefined,
  bigint: (n) => BigInt(n),
  symbol: () => Symbol("yielded"),
  function: () => () => 1,
  nan: () => Number.NaN,
  boxed: () => new String("boxed"),
  boxedBigint: (n) => Object(BigInt(n)) as unknown,
  date: () => new Date(0),
  brokenDate: () => new Date(Number.NaN),
  bytes: (n) => new Uint8Array(n),
  buffer: (n) => new ArrayBuffer(n),
  map: () => new Map([["a", 1]]),
  error: () => new Error("yielded, not thrown"),
  promise: () => Promise.resolve("late"),
  // Refused by its length: to fill it would take too long.
  holes: (n) => Object.assign([], { length: n > 100 ? 1_000_001 : n }),
  text: (n) => "x".repeat(n),
  list: (n) => Array.from({ length: n }, () => 1),
  deep: (n) => nested(n, { type: "response.created" }),
  deepEvent: (n) => ({ type: "response.created", response: nested(n - 2, 1) }),
  cycle: () => {
    const cycle: Record<string, unknown> = { type: "response.created" };
    cycle["response"] = { cycle };
    return cycle;
  },
  // Each level holds the next one twice.
  shared: () => {
    let level: unknown = 1;
    for (let at = 0; at < 10; at += 1) level = [level, level];
    return { type: "response.created", response: level };
  },
  throwingGetter: () => ({
    type: "response.created",
    get response(): unknown {
      throw new Error("a getter");
    },
  }),
  throwingJson: () => ({
    type: "response.created",
    toJSON: () => {
      throw new Error("toJSON");
    },
  }),
  json: () => ({ toJSON: (key: string) => ({ type: "response.output_item.done", item: { type: key } }) }),
  textJson: () => ({ type: "response.output_item.done", item: { toJSON: () => ({ type: "program" }) } }),
  jsonAgain: () => ({ toJSON: () => ({ type: "response.created", toJSON: () => 1 }) }),
  primitiveJson: () => ({ toJSON: () => "response.created" }),
  proxy: () =>
    new Proxy(
      {},
      {
        get: () => {
          throw new Error("a proxy");
        },
      },
    ),
  changing: () => {
    let reads = 0;
    return {
      get type(): string {
        reads += 1;
        return reads % 2 === 1 ? "response.created" : "response.completed";
      },
    };
  },
};

function nested(levels: number, inner: unknown): unknown {
  let whole = inner;
  for (let level = 0; level < levels; level += 1) whole = level % 2 === 0 ? [whole] : { whole };
  return whole;
}

/**
 * Events out of the characters of a text, two for each: one chooses the type, the other ids, indexes and items, of
 * which there are so few that they collide. However a text is changed, its events are some again.
 */
export function eventsIn(text: string): object[] {
  return Array.from({ length: Math.min(150, text.length >> 1) }, (_, at) => {
    const chosen = text.charCodeAt(2 * at);
    const dice = Math.imul(text.charCodeAt(2 * at + 1), 0x9e3779b1) >>> 0;
    return event(pick(responseEventTypes, chosen), (shift, from) => pick(from, dice >>> shift));
  });
}

type Choose = <T>(shift: number, from: readonly T[]) => T;

function event(type: string, choose: Choose): object {
  const item = {
    id: choose(0, ids),
    type: choose(4, itemTypes),
    status: choose(9, ["completed", "in_progress", undefined]),
    content: choose(11, [undefined, [], [{ type: "output_text", text: "ab" }]]),
  };
  return {
    type,
    item_id: choose(0, ids),
    output_index: choose(3, [0, 1, 2, undefined, 0, 7]),
    content_index: choose(6, [0, 0, 1, undefined]),
    summary_index: choose(7, [0, 1, undefined]),
    command_index: choose(8, [0, 1, undefined]),
    annotation_index: choose(9, [0, undefined, 5, -1]),
    delta: choose(10, ["a", "b", "", undefined]),
    text: choose(11, ["ab", undefined]),
    refusal: choose(12, ["no", undefined]),
    arguments: choose(13, ["{}", 5]),
    part: choose(14, parts),
    annotation: { type: "url_citation" },
    command: choose(15, ["ls", undefined]),
    partial_image_b64: "aGk=",
    item,
    message: "broken",
    response: choose(16, [
      { id: "r1", model: "m", output: [item], usage: { input_tokens: 1, details: { cached: 1 } } },
      { id: "r2", output: [item, item], incomplete_details: { reason: "max_output_tokens" } },
      { id: "r1", error: { code: "c", message: "m" }, usage: { input_tokens: "many" } },
      undefined,
    ]),
  };
}

const ids = ["a", "b", undefined, "c", ""];
const itemTypes = ["message", "function_call", "reasoning", "image_generation_call", "shell_call", 5];
const parts = [
  { type: "output_text", text: "", annotations: [] },
  { type: "refusal", refusal: "" },
  { type: "summary_text", text: "s" },
  undefined,
];

function pick<T>(from: readonly T[], number: number): T {
  return from[number % from.length] as T;
}
