import { Agent, OpenAIProvider, Runner, handoff, tool, type Tool } from "@openai/agents";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { HostedAgentIdentityError, type RunOutput } from "hosted-agent-identity";
import { withConsent } from "hosted-agent-identity/turn";
import { agentsOutput, type AgentsRun } from "hosted-agent-identity/openai-agents";
import { startChatModel, type ChatModel } from "../../hosts/chat-model.js";
import { collect, consentError } from "../../support/consenting-access.js";
import { checkedResponse } from "../../support/responses-protocol.js";
import { scriptedModel, type ScriptedModel } from "../../support/scripted-model.js";
import { contextOf } from "../../support/test-users.js";

const weather = tool({
  name: "contacts_weather",
  description: "The weather",
  parameters: z.object({}),
  execute: async () => ({ celsius: 20 }),
});

/** The response of a turn that yields this, and what its `onError` was told. */
async function turn(output: () => RunOutput) {
  const errors: unknown[] = [];
  const events = await collect(
    withConsent(output, { context: contextOf("ada"), onError: (error) => errors.push(error) }),
  );
  return { response: checkedResponse(events), events, errors };
}

/** A run as the SDK gives it, without the SDK. */
function runOf(events: object[], more: Partial<AgentsRun> = {}): AgentsRun {
  async function* all() {
    yield* events as { type: string }[];
  }
  return { completed: Promise.resolve(), ...more, [Symbol.asyncIterator]: all };
}

const raw = (data: object) => ({ type: "raw_model_stream_event", data });

describe("the output of a run whose model speaks the Responses protocol", () => {
  let model: ScriptedModel;
  beforeEach(async () => {
    model = await scriptedModel([
      { tool: "contacts_weather" },
      { text: ({ toolOutputs }) => `I was told ${toolOutputs}` },
    ]);
  });
  afterEach(() => model.close());

  it("is the model's own events, with items of the tools in between, and the usage of all calls", async () => {
    const modelProvider = new OpenAIProvider({ apiKey: "none", baseURL: model.baseUrl });
    const runner = new Runner({ modelProvider, tracingDisabled: true });
    const agent = new Agent({ name: "Assistant", model: "gpt-5-mini", tools: [weather] });
    const { response, events } = await turn(async function* () {
      yield* agentsOutput(await runner.run(agent, "Weather?", { stream: true }));
    });
    expect(response).toMatchObject({
      status: "completed",
      usage: { input_tokens: 2, output_tokens: 2, total_tokens: 4 },
      output: [
        { type: "function_call", name: "contacts_weather", call_id: "call_1", arguments: "{}" },
        { type: "function_call_output", call_id: "call_1", output: '{"celsius":20}' },
        { type: "message", content: [{ type: "output_text", text: expect.stringContaining("celsius") }] },
      ],
    });
    // Each once: the SDK tells of them in three ways.
    expect(events.filter(({ type }) => type === "response.output_text.delta").length).toBe(1);
    expect(events.filter(({ type }) => type === "response.output_item.added").length).toBe(3);
  });
});

describe("the output of a run whose model speaks chat completions", () => {
  let model: ChatModel;
  let runner: Runner;
  beforeEach(async () => {
    model = await startChatModel(async () => {});
    const options = { apiKey: "none", baseURL: model.baseURL, useResponses: false };
    runner = new Runner({ modelProvider: new OpenAIProvider(options), tracingDisabled: true });
  });
  afterEach(() => model.close());

  async function asked(prompt: string, tools: Tool[], name = "Assistant") {
    const agent = new Agent({ name, model: "gpt-5-mini", tools });
    return turn(async function* () {
      yield* agentsOutput(await runner.run(agent, prompt, { stream: true }));
    });
  }

  it("is text, calls and results as items, in order", async () => {
    const { response } = await asked("contacts:weather", [weather]);
    expect(response).toMatchObject({
      status: "completed",
      output: [
        { type: "message", content: [{ text: "Let me see. " }] },
        { type: "function_call", call_id: "call_0_0", name: "contacts_weather", status: "completed" },
        { type: "function_call_output", call_id: "call_0_0", output: '{"celsius":20}', status: "completed" },
        { type: "message", content: [{ text: 'I was told {"celsius":20}.' }] },
      ],
    });
  });

  it("goes on where a tool throws", async () => {
    const broken = tool({
      name: "contacts_broken",
      description: "Throws",
      parameters: z.object({}),
      execute: () => Promise.reject(new Error("out of order")),
    });
    const { response } = await asked("contacts:broken", [broken]);
    expect(response.status).toBe("completed");
    expect(response.output.map(({ type }) => type)).toContain("function_call_output");
  });

  it("has the handoff to another agent as a call and its result", async () => {
    const expert = new Agent({ name: "expert", model: "gpt-5-mini" });
    const first = new Agent({ name: "first", model: "gpt-5-mini", handoffs: [handoff(expert)] });
    const { response } = await turn(async function* () {
      yield* agentsOutput(await runner.run(first, "transfer:expert", { stream: true }));
    });
    expect(response.status).toBe("completed");
    expect(response.output.slice(1, 3)).toMatchObject([
      { type: "function_call", name: "transfer_to_expert" },
      { type: "function_call_output", call_id: "call_0_0" },
    ]);
  });

  it("fails the turn where the SDK takes a stream that was cut for a whole answer", async () => {
    model.fail("ends half way, as if it were done");
    const { response, errors } = await asked("contacts:weather", [weather]);
    expect(response).toMatchObject({ status: "failed", error: { code: "run_failed" } });
    expect(errors).toMatchObject([{ message: "The model's stream ended before its answer was finished." }]);
  });

  it("fails the turn where the run has more steps than it may", async () => {
    const agent = new Agent({ name: "Assistant", model: "gpt-5-mini", tools: [weather] });
    const { response, errors } = await turn(async function* () {
      yield* agentsOutput(await runner.run(agent, "contacts:weather", { stream: true, maxTurns: 1 }));
    });
    expect(response.error?.code).toBe("run_failed");
    expect(errors).toMatchObject([{ cause: { name: "MaxTurnsExceededError" } }]);
  });

  it("fails the turn where somebody cancels the run", async () => {
    const cancelled = new AbortController();
    const agent = new Agent({ name: "Assistant", model: "gpt-5-mini" });
    const { response } = await turn(async function* () {
      const { signal } = cancelled;
      const result = await runner.run(agent, "Hi", { stream: true, signal });
      cancelled.abort();
      yield* agentsOutput(result);
    });
    expect(response.error?.code).toBe("run_failed");
  });
});

describe("a run that fails", () => {
  it("because somebody cancelled it fails the turn, although its stream ended as if all were well", async () => {
    const { response } = await turn(() => agentsOutput(runOf([], { cancelled: true })));
    expect(response).toMatchObject({ status: "failed", error: { code: "run_failed" } });
  });

  const boom = new Error("boom");
  const completed = Promise.reject(boom);
  completed.catch(() => {});

  it.each([
    ["completed rejects", { completed }],
    ["has an error", { error: boom }],
  ])("after its last event fails the turn, with the error as its cause: %s", async (_, more) => {
    const { response, errors } = await turn(() => agentsOutput(runOf([], more)));
    expect(response).toMatchObject({ status: "failed", error: { code: "run_failed" } });
    expect(errors).toMatchObject([{ cause: boom }]);
  });

  it("asks for consent where that is what it failed with", async () => {
    const error = new Error("wrapped", { cause: consentError("contacts") });
    const { response } = await turn(() => agentsOutput(runOf([], { error })));
    expect(response).toMatchObject({ status: "incomplete", output: [{ type: "oauth_consent_request" }] });
  });

  it("leaves an error of this package what it is", async () => {
    const error = new Error("wrapped", { cause: new HostedAgentIdentityError("entra_unreachable") });
    const { response } = await turn(() => agentsOutput(runOf([], { error })));
    expect(response.error?.code).toBe("entra_unreachable");
  });

  it.each([
    [undefined, "failed"],
    ["pause", "completed"],
  ])("the stream of an AI SDK model ended with other, and its own word %s: %s", async (word, status) => {
    const events = [
      raw({ type: "model", event: { type: "finish", finishReason: { unified: "other", raw: word } } }),
      raw({ type: "response_done", response: { output: [] } }),
    ];
    const { response } = await turn(() => agentsOutput(runOf(events)));
    expect(response.status).toBe(status);
  });
});

it("items that chat models have and the protocol writes differently", async () => {
  const output = [
    { type: "reasoning", content: [{ type: "input_text", text: "Hm." }] },
    {
      type: "message",
      role: "assistant",
      status: "completed",
      content: [{ type: "refusal", refusal: "No." }],
    },
    {
      type: "hosted_tool_call",
      name: "web_search_call",
      providerData: { type: "web_search_call", id: "ws_1" },
    },
    { type: "shell_call", callId: "c", action: { commands: ["ls"], timeoutMs: 5 } },
  ];
  const onEvent = vi.fn();
  const events = [
    raw({ type: "response_done", response: { output } }),
    { type: "run_item_stream_event", name: "tool_approval_requested", item: {} },
    {
      type: "run_item_stream_event",
      name: "tool_output",
      item: {
        rawItem: { type: "function_call_result", callId: "d", output: [{ type: "input_text", text: "x" }] },
      },
    },
  ];
  const { response } = await turn(() => agentsOutput(runOf(events), { onEvent }));
  expect(response.output).toMatchObject([
    { type: "reasoning", summary: [{ type: "summary_text", text: "Hm." }] },
    { type: "message", content: [{ type: "refusal", refusal: "No." }] },
    { type: "web_search_call" },
    { type: "shell_call", call_id: "c", action: { commands: ["ls"], timeout_ms: 5 } },
    { type: "function_call_output", call_id: "d", output: [{ type: "input_text", text: "x" }] },
  ]);
  expect(onEvent.mock.calls).toEqual([
    [{ type: "stream_part_skipped", framework: "openai-agents", part: "tool_approval_requested" }],
  ]);
});

it.each([undefined, "text", Promise.resolve({}), { output: [] }])(
  "anything else than a streamed run fails the turn with invalid_option: %s",
  async (given) => {
    const { response, errors } = await turn(async function* () {
      yield* agentsOutput(given as never);
    });
    expect(response.status).toBe("failed");
    expect(errors).toMatchObject([
      { code: "invalid_option", message: expect.stringContaining("stream: true") },
    ]);
  },
);

it("a result whose await was forgotten says so, and leaves no rejection unhandled", async () => {
  const unhandled = vi.fn();
  process.on("unhandledRejection", unhandled);
  const { response, errors } = await turn(async function* () {
    yield* agentsOutput(Promise.reject(new Error("the model's endpoint answered 401")) as never);
  });
  await new Promise(setImmediate);
  process.off("unhandledRejection", unhandled);
  expect(unhandled).not.toHaveBeenCalled();
  expect(response.status).toBe("failed");
  expect(errors).toMatchObject([{ code: "invalid_option", message: expect.stringContaining("write await") }]);
});
