import { ok } from "node:assert/strict";
import { responses } from "hosted-agent-identity";
import type { Size } from "../../target.js";
import { request, someone } from "./played.js";

/** What a run yields, made anew for each time that it is played. */
type Values = () => Iterable<unknown>;

const message = { type: "message", role: "assistant", status: "in_progress", content: [] };
const part = { type: "output_text", text: "", annotations: [] };
const added = (id: string, index = 0): object => ({
  type: "response.output_item.added",
  output_index: index,
  item: { ...message, id },
});
const done = (id: string): object => ({ type: "response.output_item.done", item: { ...message, id } });
const opened = (id: string): object => ({ type: "response.created", response: { id } });
const completed = (id: string, more: object = {}): object => ({
  type: "response.completed",
  response: { id, usage: { input_tokens: 1 }, ...more },
});
/** Values, counted from 0. */
const each = (count: number, make: (at: number) => unknown): unknown[] =>
  Array.from({ length: count }, (_, at) => make(at));

/** In what a run can grow. A response has no limit of its own but memory; the limits of one value are documented. */
export const runSizes: readonly Size[] = [
  size("yields of text", 16_384, (n) => each(n, () => "word ")),
  size("deltas of one item", 16_384, (n) => [
    added("a"),
    { type: "response.content_part.added", item_id: "a", output_index: 0, content_index: 0, part },
    ...each(n, () => ({
      type: "response.output_text.delta",
      item_id: "a",
      output_index: 0,
      content_index: 0,
      delta: "word ",
    })),
  ]),
  size("characters of one text", 2 ** 22, (n) => ["x".repeat(n)]),
  size("characters of one field", 2 ** 22, (n) => [added("a"), { ...added("b"), more: "x".repeat(n) }]),
  size("values of one event", 999_000, (n) => [{ ...added("a"), more: each(n, (at) => at) }]),
  size("levels of one event", 98, (n) => {
    let more: unknown = 1;
    for (let level = 2; level < n; level += 1) more = [more];
    return [{ ...added("a"), more }];
  }),
  size("items", 4_096, (n) => each(n, (at) => [added(`i${at}`), done(`i${at}`)]).flat()),
  size("items left open", 4_096, (n) => each(n, (at) => added(`i${at}`, at))),
  size("parts of one item", 4_096, (n) => [
    added("a"),
    ...each(n, (at) => ({ type: "response.content_part.added", item_id: "a", content_index: at, part })),
  ]),
  size("annotations of one part", 4_096, (n) => [
    added("a"),
    ...each(n, () => ({
      type: "response.output_text.annotation.added",
      item_id: "a",
      annotation: { type: "x" },
    })),
  ]),
  size("model calls", 4_096, (n) =>
    each(n, (at) => [
      opened(`r${at}`),
      added("a"),
      done("a"),
      completed(`r${at}`, { output: [{ ...message, id: "a" }] }),
    ]).flat(),
  ),
  size("model calls at the same time", 4_096, (n) => [
    ...each(n, (at) => opened(`r${at}`)),
    ...each(n, (at) => completed(`r${at}`, { output: [{ ...message, id: `a${at}` }] })),
  ]),
  size("model calls beside as many open items", 4_096, (n) => [
    ...each(n, (at) => added(`i${at}`, at)),
    ...each(n, (at) => [opened(`r${at}`), completed(`r${at}`)]).flat(),
  ]),
  size("model calls with usages of their own", 4_096, (n) =>
    each(n, (at) => [opened(`r${at}`), completed(`r${at}`, { usage: { [`model_${at}`]: 1 } })]).flat(),
  ),
  size("listed items that were said already", 4_096, (n) => [
    ...each(n, (at) => [
      `text ${at}, `,
      { type: "response.output_item.done", item: { type: "program" } },
    ]).flat(),
    completed("r", {
      output: each(n, (at) => ({ ...message, content: [{ ...part, text: `text ${at}, ` }] })),
    }),
  ]),
  size("listed items that were never said", 4_096, (n) => [
    ...each(n, (at) => `text ${at}, `),
    completed("r", {
      output: each(n, (at) => ({ ...message, content: [{ ...part, text: `other ${at}, ` }] })),
    }),
  ]),
  size("unknown events", 16_384, (n) => each(n, (at) => ({ type: "response.tomorrow", item_id: `i${at}` }))),
];

function size(of: string, upTo: number, values: (n: number) => readonly unknown[]): Size {
  return {
    of,
    upTo,
    input: (n): Values => {
      const all = values(n);
      return () => all;
    },
    run: (input) => playedToTheEnd(input as Values),
  };
}

/** Streams the run to a reader that drops what it reads. */
async function playedToTheEnd(values: Values): Promise<void> {
  let failure: unknown;
  const handler = responses(
    async function* () {
      yield* values() as Iterable<string>;
    },
    { onError: (error) => (failure = error) },
  );
  const response = await handler(request(true), someone());
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  while (!(await reader.read()).done);
  ok(failure === undefined, String(failure));
}
