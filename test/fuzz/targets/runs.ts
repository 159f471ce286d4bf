import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { responseEventTypes } from "../../../src/foundry/event-types.js";
import { field, valueIn, type FuzzTarget, type Input } from "../target.js";
import { playedAlone, playedPlain, playedStream, valuesOf, type Played } from "./runs/played.js";
import { runSizes } from "./runs/sizes.js";
import { wholeResponse, type WireEvent, type WireItem, type WireResponse } from "./runs/whole-response.js";

/** The three ways to one response. */
interface Responses {
  readonly alone: Played;
  readonly stream: Played;
  readonly plain: Pick<WireEvent, "response">;
}

const item = { type: "message", id: "a", role: "assistant", status: "in_progress", content: [] };
const call = {
  type: "function_call",
  id: "f",
  call_id: "c",
  name: "search",
  arguments: "",
  status: "in_progress",
};
const place = { item_id: "a", output_index: 0, content_index: 0 };
const text = { type: "output_text", text: "", annotations: [] };
const opened = { type: "response.created", response: { id: "r1", model: "gpt" } };
const completed = {
  type: "response.completed",
  response: { id: "r1", usage: { input_tokens: 2, total: { all: 3 } }, metadata: { a: "b" } },
};
const message = (content: string): object => ({
  ...item,
  id: undefined,
  content: [{ ...text, text: content }],
});

/** What older services ask for consent with. */
const askedByEvent = {
  type: "response.oauth_consent_requested",
  consent_link: "https://login.microsoftonline.com/consent",
  server_label: "contacts",
};

/** A model call that streams a message. */
const streamed = [
  opened,
  { type: "response.output_item.added", output_index: 0, item },
  { type: "response.content_part.added", ...place, part: text },
  { type: "response.output_text.delta", ...place, delta: "hel" },
  { type: "response.output_text.annotation.added", ...place, annotation_index: 9, annotation: { type: "x" } },
  { type: "response.output_text.done", ...place, text: "hello" },
  { type: "response.content_part.done", ...place, part: { ...text, text: "hello" } },
  { type: "response.output_item.done", output_index: 0, item: { ...item, status: "completed" } },
  { ...completed, response: { ...completed.response, output: [item] } },
];
/** One whose items are all left open, with something streamed of each. */
const cut = responseEventTypes
  .filter((type) => /\.(delta|done|added|partial_image)$/.test(type) && !type.includes("output_item"))
  .flatMap((type, at) => [
    {
      type: "response.output_item.added",
      output_index: at,
      item: { ...item, type: "reasoning", id: `i${at}` },
    },
    { type, item_id: `i${at}`, delta: "d", command: "ls", partial_image_b64: "aGk=", part: text, text: "t" },
  ]);
/** One event of each type, about one open item. */
const every = [
  {
    type: "response.output_item.added",
    output_index: 0,
    item: { ...item, id: "f", type: "image_generation_call" },
  },
  ...responseEventTypes.map((type) => ({ type, item_id: "f", output_index: 0, response: {}, item: call })),
];

const broken = [
  "undefined",
  "bigint",
  "symbol",
  "function",
  "boxed",
  "boxedBigint",
  "date",
  "brokenDate",
  "bytes",
  "buffer",
  "map",
  "error",
  "promise",
  "cycle",
  "shared",
  "throwingGetter",
  "throwingJson",
  "json",
  "textJson",
  "jsonAgain",
  "primitiveJson",
  "proxy",
  "changing",
];
const long = [
  { $: "deep", n: 200 },
  { $: "deepEvent", n: 98 },
  { $: "deepEvent", n: 99 },
  { $: "deepEvent", n: 100 },
  { $: "deepEvent", n: 101 },
  { $: "list", n: 2_000 },
  { $: "holes", n: 2_000 },
  { $: "text", n: 2_000 },
  { $: "nan" },
];

export const runTargets: readonly FuzzTarget[] = [
  {
    name: "what a run yields",
    from: "the developer's run, through frameworks and models",
    files: [
      "src/turn/run-output.ts",
      "src/turn/open-response.ts#openResponse,ownItems,callsOf,closeAnswer,wholeItem,seconds",
      "src/turn/outgoing-items.ts",
      "src/turn/response-writer.ts",
      "src/turn/said-before.ts",
      "src/turn/run-items.ts",
      "src/turn/item-content.ts",
      "src/turn/model-calls.ts",
      "src/turn/run-pieces.ts",
      "src/turn/with-consent.ts",
      "src/turn/output-items.ts",
    ],
    shape: "fields",
    seeds: [
      { yields: ["hello ", "", "world"] },
      { yields: streamed },
      { yields: [...streamed, ...streamed, "and text", ...streamed], agent: true },
      { yields: cut },
      { yields: every },
      { yields: [...every.filter(({ type }) => !/completed|incomplete|failed|error/.test(type)), "after"] },
      {
        yields: [
          "said",
          { ...completed, response: { output: [message("said"), message("not said"), call] } },
        ],
      },
      { yields: ["said", { type: "response.output_item.done", item: { ...call, id: "" } }, "more"] },
      { yields: [opened, "and nothing more"] },
      { yields: [opened, { type: "response.created", response: { id: "r2" } }, completed, completed] },
      {
        yields: [
          { type: "response.incomplete", response: { incomplete_details: { reason: "content_filter" } } },
        ],
      },
      { yields: [{ type: "response.incomplete", response: { incomplete_details: { reason: "other" } } }] },
      { yields: [{ type: "response.failed", response: { error: { code: "c", message: "m" } } }] },
      { yields: [{ type: "error", code: 5, message: "m" }] },
      {
        yields: [{ type: "keepalive" }, { type: "response.tomorrow", item_id: "x" }, { type: "response.\n" }],
      },
      { yields: [{ type: "response.output_text.delta", item_id: "x", delta: "y" }] },
      { yields: [{ type: "response.output_item.done", item: { type: "oauth_consent_request", id: "o" } }] },
      {
        yields: [
          askedByEvent,
          { type: "response.output_text.delta", item_id: "x", delta: "y" },
          askedByEvent,
        ],
      },
      { yields: [message("bare"), "not reached"] },
      { yields: ["said", { ...completed, response: { output: [message("said"), call, 2] } }] },
      { yields: [streamed[1], { type: "response.\ud800", item_id: "a" }] },
      {
        yields: [
          { ...completed, response: { usage: JSON.parse('{"__proto__":{"polluted":1}}') as unknown } },
        ],
      },
      { yields: [{ type: "text-delta", text: "a framework's" }] },
      { yields: [{ type: "with spaces" }] },
      { yields: [{ no: "type" }] },
      { yields: [null] },
      { yields: [[]] },
      { yields: [5] },
      { yields: [{ type: "response.output_item.added", item: { id: "no type" } }] },
      {
        yields: [{ type: "response.output_item.added", item: { type: "shell_call", action: {} } }],
        leaves: 3,
      },
      {
        yields: [
          ...streamed.slice(0, 4),
          { type: "response.output_item.done", output_index: 0, item: { ...item, id: "another" } },
          { type: "response.output_item.done", output_index: 0, item: { ...item, id: "another" } },
          { ...completed, response: { output: [item, { ...item, id: "b" }, { ...item, id: undefined }] } },
        ],
      },
      {
        yields: [
          { type: "response.output_item.added", output_index: 0, item: { ...call, id: undefined } },
          { type: "response.function_call_arguments.delta", output_index: 0, delta: "{" },
          { type: "response.output_item.added", output_index: 1, item: { ...call, id: "g" } },
          { ...completed, response: { output: [call, { ...call, id: "g" }, { ...call, id: undefined }] } },
        ],
      },
      ...broken.map(($) => ({ yields: ["text", { $ }] })),
      ...long.map((value) => ({ yields: [value, { type: "response.created", response: value }] })),
      { yields: [{ $: "repeat", n: 200, of: "x" }], leaves: 100 },
      { yields: [{ $: "repeat", n: 20, of: streamed[1] }], dice: "abcdefgh" },
      { dice: "".padEnd(240, "The quick brown fox jumps over the lazy dog, 0123456789 times.") },
      { dice: "".padEnd(400, "(!6a8K~2'$)") },
      ...["breaks", "throws nothing", "own error", "idle", "late", "no limits", "fails in finally"].map(
        (ends) => ({
          yields: ["text", ...streamed.slice(0, 4)],
          ends,
        }),
      ),
      ...["consent", "bad prompt", "bad consent"].map((ends) => ({ yields: ["text", ...streamed], ends })),
      ...[
        "not iterable",
        "throws",
        "iterator",
        "late rejection",
        "promise",
        "rejection",
        "object",
        "list",
        "nothing",
      ].map((run) => ({ yields: ["text"], run })),
      { yields: ["text", { $: "promise" }], run: "iterator" },
      { yields: ["text", "more"], run: "iterator", leaves: 4 },
      {
        yields: [
          { type: "response.output_item.added", output_index: 0, item: { ...item, id: undefined } },
          { type: "response.output_item.done", output_index: 0, item: { ...item, id: undefined } },
          { ...completed, response: { output: [{ ...item, id: undefined }] } },
        ],
      },
      {
        yields: [
          "said",
          { ...completed, response: { output: Array.from({ length: 60 }, (_, at) => message(`not ${at}`)) } },
          "more",
          { ...completed, response: { output: [{ ...item, content: 5 }, message("ore")] } },
        ],
      },
      ...["token", "consent", "fails", "cancelled", "gone"].map((prepare) => ({ yields: ["text"], prepare })),
      { yields: ["text"], leaves: 0 },
      { yields: ["text"], ends: "fails in finally", leaves: 4 },
    ],
    words: [
      ...responseEventTypes,
      ...broken,
      "$",
      "repeat",
      "yields",
      "item_id",
      "output_index",
      "consent",
      "idle",
    ],
    async run(input): Promise<Responses> {
      const alone = await playedAlone(input);
      const stream = await playedStream(input);
      return { alone, stream, plain: await playedPlain(input) };
    },
    secrets: () => [],
    isRefusal: () => false,
    holds(input, value) {
      const { alone, stream, plain } = value as Responses;
      for (const played of [alone, stream]) checkEnd(input, played);
      if (alone.left || stream.left) return;
      const ended = wholeResponse(alone.events);
      // A token that cannot be got is answered before a turn begins, and so is a caller that has gone.
      if (field(input, "prepare") !== "") return;
      const streamed = wholeResponse(stream.events);
      deepStrictEqual(shape(streamed), shape(ended), "streamed, as withConsent() has it");
      deepStrictEqual(shape(plain.response), shape(ended), "plain, as withConsent() has it");
    },
    cost: 2,
    sizes: runSizes,
  },
];

/** The run has ended, and a turn that failed was told of. */
function checkEnd(input: Input, { begun, ended, told, left, events }: Played): void {
  strictEqual(ended, begun, "a run whose finally did not run");
  if (left) {
    events.forEach((event, n) => strictEqual(event.sequence_number, n));
    return;
  }
  const { status } = wholeResponse(events);
  const isFailed = status === "failed" && field(input, "prepare") !== "gone";
  // What the `finally` of a run that was ended throws is an error of its own.
  const most = field(input, "ends") === "fails in finally" ? 2 : 1;
  if (isFailed && !saysSo(input)) ok(told.length >= 1, "onError was told of nothing");
  ok(told.length <= most, `onError was told ${told.length} times`);
}

/** Whether the run itself has said that it failed. Then there is no error to tell of. */
function saysSo(input: Input): boolean {
  return [...valuesOf(input)].some((value) => {
    try {
      return ["response.failed", "error"].includes(
        String(valueIn(JSON.parse(JSON.stringify(value)), "type")),
      );
    } catch {
      return false;
    }
  });
}

/** What all three have in common: ids are made anew each time. */
function shape(response: WireResponse | undefined): unknown {
  const items = response?.output.map(({ id: _, ...rest }: WireItem) => ({ ...rest, response_id: "" }));
  return { status: response?.status, error: response?.error, output: items };
}
