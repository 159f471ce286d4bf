import { beforeEach, describe, expect, it, vi } from "vitest";
import { type RunEvent, type UserContext } from "hosted-agent-identity";
import { withConsent } from "hosted-agent-identity/turn";
import { collect } from "../support/consenting-access.js";
import { checkedResponse } from "../support/responses-protocol.js";
import { contextOf } from "../support/test-users.js";

let context: UserContext;
beforeEach(() => {
  context = contextOf("person");
});

type Run = Parameters<typeof withConsent>[0];

async function turn(run: Run, onError = vi.fn()) {
  const events = await collect(withConsent(run, { context, onError }));
  return {
    events,
    onError,
    response: { ...checkedResponse(events) } as ReturnType<typeof checkedResponse> & Usage,
  };
}

interface Usage {
  readonly usage?: unknown;
}

const text = (id: string, said: string) => ({
  type: "message",
  id,
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text: said, annotations: [] }],
});
const call = (id: string, name: string) => ({
  type: "function_call",
  id,
  call_id: `call_${id}`,
  name,
  arguments: "{}",
  status: "completed",
});
const usage = (input: number, output: number, cached: number) => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: cached },
  output_tokens: output,
  total_tokens: input + output,
});

interface Item {
  readonly id?: string;
  readonly type: string;
}

/** One model call as OpenAI streams it: its items begin and end, then the response lists them once more. */
function* modelCall(items: readonly Item[], ending: Record<string, unknown> = {}): Generator<RunEvent> {
  const event = (fields: Record<string, unknown>): RunEvent => fields as unknown as RunEvent;
  const { type = "response.completed", id = "resp_m", ...response } = ending;
  yield event({
    type: "response.created",
    response: { id, status: "in_progress", instructions: "secret" },
  });
  yield event({ type: "response.in_progress", response: { id } });
  for (const [index, item] of items.entries()) {
    const begun = { ...item, status: "in_progress", ...(item.type === "message" && { content: [] }) };
    yield event({ type: "response.output_item.added", output_index: index, item: begun });
    yield event({ type: "response.output_item.done", output_index: index, item });
  }
  yield event({ type, response: { id, model: "gpt-x", output: items, ...response } });
}

describe("a run that calls its model more than once", () => {
  it("runs its tools, answers, and saves: the turn ends when the run does", async () => {
    const [tool, save] = [vi.fn(), vi.fn()];
    const { response } = await turn(async function* () {
      yield* modelCall([call("fc_1", "look")], { usage: usage(10, 2, 4) });
      tool();
      yield* modelCall([text("msg_1", "Found.")], { usage: usage(20, 3, 8) });
      await Promise.resolve();
      save();
    });
    expect(tool).toHaveBeenCalledOnce();
    expect(save).toHaveBeenCalledOnce();
    expect(response).toMatchObject({
      status: "completed",
      model: "gpt-x",
      output: [
        { type: "function_call", name: "look", arguments: "{}", status: "completed" },
        { type: "message", content: [{ text: "Found." }] },
      ],
    });
    expect(response.usage).toEqual(usage(30, 5, 12));
    expect(response).not.toMatchObject({ instructions: "secret" });
  });

  it("keeps the items of two calls apart that use the same ids and indexes", async () => {
    const { response } = await turn(async function* () {
      yield* modelCall([call("item_0", "first"), call("item_1", "second")]);
      yield* modelCall([call("item_0", "third"), text("item_1", "Done.")]);
    });
    expect(response.output.map(({ type }) => type)).toEqual([
      "function_call",
      "function_call",
      "function_call",
      "message",
    ]);
    expect(new Set(response.output.map(({ id }) => id)).size).toBe(4);
    expect(response.output[2]).toMatchObject({ name: "third", call_id: "call_item_0" });
  });

  it("keeps two streams apart that come at the same time", async () => {
    const [one, two] = [[...modelCall([text("a", "A")])], [...modelCall([text("b", "B")], { id: "resp_b" })]];
    const { response } = await turn(async function* () {
      for (const [at, event] of one.entries()) {
        yield event;
        yield two[at] as RunEvent;
      }
    });
    expect(response.output).toMatchObject([
      { id: "a", content: [{ text: "A" }] },
      { id: "b", content: [{ text: "B" }] },
    ]);
  });

  it("fails with an error that is thrown after the last call", async () => {
    const failure = new Error("history is full");
    const { response, onError } = await turn(async function* () {
      yield* modelCall([text("msg_1", "Done.")]);
      throw failure;
    });
    expect(response).toMatchObject({ status: "failed", output: [{ content: [{ text: "Done." }] }] });
    expect(onError).toHaveBeenCalledExactlyOnceWith(failure);
  });

  it("is completed when a call that failed was made again and went well", async () => {
    const { response } = await turn(async function* () {
      yield* modelCall([], {
        type: "response.failed",
        error: { code: "server_error", message: "Try again." },
      });
      yield* modelCall([text("msg_1", "Done.")]);
    });
    expect(response).toMatchObject({ status: "completed", error: null, output: [{ type: "message" }] });
  });

  it("is incomplete when the last call was, and not when an earlier one was", async () => {
    const cut = { type: "response.incomplete", incomplete_details: { reason: "max_output_tokens" } };
    const first = await turn(async function* () {
      yield* modelCall([text("msg_1", "Half")], cut);
      yield* modelCall([text("msg_2", "Whole.")]);
    });
    expect(first.response).toMatchObject({ status: "completed", incomplete_details: null });
    context = contextOf("person");
    const last = await turn(async function* () {
      yield* modelCall([text("msg_1", "Whole.")]);
      yield* modelCall([text("msg_2", "Half")], cut);
    });
    expect(last.response).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
    });
  });
});

describe("what a model's response lists again", () => {
  const finished = (...output: object[]): RunEvent =>
    ({ type: "response.completed", response: { output } }) as RunEvent;

  it.each<[string, (string | RunEvent)[]]>([
    [
      "was streamed without an id",
      [
        {
          type: "response.output_item.added",
          output_index: 0,
          item: { ...text("", ""), id: undefined },
        } as RunEvent,
        {
          type: "response.output_item.done",
          output_index: 0,
          item: { ...text("", "Hi"), id: undefined },
        } as RunEvent,
        finished({ ...text("", "Hi"), id: undefined }),
      ],
    ],
    ["was yielded as text", ["H", "i", finished(text("msg_1", "Hi"))]],
    [
      "was told done twice",
      [
        { type: "response.output_item.done", output_index: 0, item: text("msg_1", "Hi") } as RunEvent,
        { type: "response.output_item.done", output_index: 0, item: text("msg_1", "Hi") } as RunEvent,
        finished(text("msg_1", "Hi")),
      ],
    ],
    [
      "was begun twice, and left open",
      [
        { type: "response.output_item.added", output_index: 0, item: text("msg_1", "") } as RunEvent,
        { type: "response.output_item.added", output_index: 0, item: text("msg_1", "") } as RunEvent,
        finished(text("msg_1", "Hi")),
      ],
    ],
    ["was not streamed at all", [finished(text("msg_1", "Hi"))]],
    [
      "has another id than its beginning",
      [
        { type: "response.output_item.added", output_index: 0, item: text("msg_1", "") } as RunEvent,
        { type: "response.output_item.done", output_index: 0, item: text("msg_2", "Hi") } as RunEvent,
        finished(text("msg_2", "Hi")),
      ],
    ],
  ])("appears once when it %s", async (_, pieces) => {
    const { response } = await turn(async function* () {
      yield* pieces;
    });
    expect(response).toMatchObject({
      status: "completed",
      output: [{ type: "message", content: [{ text: "Hi" }] }],
    });
    expect(response.output).toHaveLength(1);
  });

  it("appears once when the run has yielded the texts of two calls in one message", async () => {
    const { response } = await turn(async function* () {
      yield "One. ";
      yield finished(text("msg_1", "One. "));
      yield "Two.";
      yield finished(text("msg_2", "Two."));
    });
    expect(response.output).toMatchObject([{ content: [{ text: "One. Two." }] }]);
  });

  it("appears once when it lists in another order what the run has said, with more between", async () => {
    const { response } = await turn(async function* () {
      yield "First: One. ";
      yield "Then: Two. Three.";
      yield finished(
        text("msg_2", "Two."),
        text("msg_1", "One. "),
        text("msg_3", " Three."),
        text("msg_4", ""),
      );
    });
    expect(response.output).toHaveLength(1);
  });

  it("is not lost when the run has said something else", async () => {
    const { response } = await turn(async function* () {
      yield "Let me think. ";
      yield finished(text("msg_1", "Hi"));
    });
    expect(response.output).toMatchObject([
      { content: [{ text: "Let me think. " }] },
      { content: [{ text: "Hi" }] },
    ]);
  });
});

describe("the usage of several calls", () => {
  it("is added up, whatever its counters are called", async () => {
    const ended = (usage: unknown): RunEvent =>
      ({ type: "response.completed", response: { usage } }) as RunEvent;
    const { response } = await turn(async function* () {
      yield ended({ input_tokens: 1, constructor: "x", details: { cached: 1 } });
      yield ended(
        JSON.parse('{ "__proto__": { "input_tokens": 5 }, "input_tokens": 2, "details": { "cached": 3 } }'),
      );
    });
    expect(response.usage).toStrictEqual({ input_tokens: 3, constructor: "x", details: { cached: 4 } });
  });
});

describe("a model's stream that is cut", () => {
  it.each([1, 2, 3, 4])("after %i events fails the turn, and tells the developer", async (count) => {
    const { response, onError } = await turn(async function* () {
      yield* [...modelCall([text("msg_1", "Whole.")])].slice(0, count);
    });
    expect(response).toMatchObject({ status: "failed", error: { code: "model_stream_cut" } });
    expect(onError).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: "model_stream_cut" }));
  });

  it("is not held against a run that called again", async () => {
    const { response } = await turn(async function* () {
      yield* [...modelCall([text("msg_1", "Half")])].slice(0, 3);
      yield* modelCall([text("msg_2", "Whole.")]);
    });
    expect(response).toMatchObject({
      status: "incomplete",
      output: [
        { id: "msg_1", status: "incomplete" },
        { id: "msg_2", status: "completed" },
      ],
    });
  });

  it("leaves a call with half its arguments incomplete, whoever opened it", async () => {
    const { response } = await turn(async function* () {
      const item = { ...call("fc_1", "look"), arguments: "", status: "in_progress" };
      yield { type: "response.output_item.added", output_index: 0, item } as RunEvent;
      yield {
        type: "response.function_call_arguments.delta",
        item_id: "fc_1",
        output_index: 0,
        delta: '{"a"',
      } as RunEvent;
    });
    expect(response).toMatchObject({
      status: "incomplete",
      incomplete_details: null,
      output: [{ status: "incomplete", arguments: '{"a"' }],
    });
  });
});
