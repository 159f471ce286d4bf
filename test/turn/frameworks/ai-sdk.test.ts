import { simulateReadableStream, stepCountIs, streamText, tool } from "ai";
import { MockLanguageModelV3 } from "ai/test";
import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { HostedAgentIdentityError, type RunOutput } from "hosted-agent-identity";
import { withConsent } from "hosted-agent-identity/turn";
import { aiSdkOutput, type StreamOptions } from "hosted-agent-identity/ai-sdk";
import { collect, consentError } from "../../support/consenting-access.js";
import { checkedResponse } from "../../support/responses-protocol.js";
import { contextOf } from "../../support/test-users.js";

type Part = { type: string } & Record<string, unknown>;

const text = (id: string, ...deltas: string[]): Part[] => [
  { type: "text-start", id },
  ...deltas.map((delta) => ({ type: "text-delta", id, delta })),
  { type: "text-end", id },
];

function finish(unified: string, raw: string | null = unified): Part {
  const inputTokens = { total: 10, noCache: 6, cacheRead: 4 };
  return {
    type: "finish",
    finishReason: { unified, raw: raw ?? undefined },
    usage: { inputTokens, outputTokens: { total: 5, text: 3, reasoning: 2 } },
  };
}

const call = (input = '{"city":"Paris"}'): Part[] => [
  { type: "tool-input-start", id: "call-1", toolName: "weather" },
  ...[input.slice(0, 8), input.slice(8)].map((delta) => ({ type: "tool-input-delta", id: "call-1", delta })),
  { type: "tool-input-end", id: "call-1" },
  { type: "tool-call", toolCallId: "call-1", toolName: "weather", input },
];

/** What `streamText()` makes of a model that says this, step by step. */
function answerOf(steps: Part[][], execute: () => unknown = () => ({ celsius: 20 })) {
  const rest = [...steps];
  const model = new MockLanguageModelV3({
    doStream: async () => ({ stream: simulateReadableStream({ chunks: (rest.shift() ?? []) as never[] }) }),
  });
  const weather = tool({ inputSchema: z.object({ city: z.string() }), execute: async () => execute() });
  return streamText({
    model,
    prompt: "Weather?",
    tools: { weather },
    stopWhen: stepCountIs(3),
    onError: () => {},
  });
}

/** The response of a turn that yields this, and what its `onError` was told. */
async function turn(output: () => RunOutput) {
  const errors: unknown[] = [];
  const events = await collect(
    withConsent(output, { context: contextOf("ada"), onError: (error) => errors.push(error) }),
  );
  return { response: checkedResponse(events), events, errors };
}

const turnOf = (steps: Part[][], options?: StreamOptions) =>
  turn(() => aiSdkOutput(answerOf(steps), options));

describe("the output of streamText()", () => {
  it("is text, reasoning, tool calls and results as items, in order, and the usage of all steps", async () => {
    const thought: Part[] = [
      { type: "reasoning-start", id: "r" },
      { type: "reasoning-delta", id: "r", delta: "I need the weather." },
      { type: "reasoning-end", id: "r" },
    ];
    const { response, events } = await turnOf([
      [...thought, ...text("0", "Let me ", "look."), ...call(), finish("tool-calls")],
      // The same id again.
      [...text("0", "It is 20 degrees."), finish("stop")],
    ]);
    expect(response).toMatchObject({
      status: "completed",
      usage: {
        input_tokens: 20,
        input_tokens_details: { cached_tokens: 8 },
        output_tokens: 10,
        output_tokens_details: { reasoning_tokens: 4 },
        total_tokens: 30,
      },
      output: [
        { type: "reasoning", summary: [{ type: "summary_text", text: "I need the weather." }] },
        { type: "message", status: "completed", content: [{ type: "output_text", text: "Let me look." }] },
        { type: "function_call", call_id: "call-1", name: "weather", arguments: '{"city":"Paris"}' },
        { type: "function_call_output", call_id: "call-1", output: '{"celsius":20}' },
        { type: "message", status: "completed", content: [{ text: "It is 20 degrees." }] },
      ],
    });
    const deltas = events.filter(({ type }) => type === "response.function_call_arguments.delta");
    expect(deltas.map(({ delta }) => delta)).toEqual(['{"city":', '"Paris"}']);
  });

  it("takes the stream as well as the result", async () => {
    const { response } = await turn(() =>
      aiSdkOutput(answerOf([[...text("0", "Hi"), finish("stop")]]).fullStream),
    );
    expect(response).toMatchObject({ status: "completed", output: [{ content: [{ text: "Hi" }] }] });
  });

  it("cites sources in the message that they belong to, also where they come before it", async () => {
    const source = (n: number): Part => ({
      type: "source",
      sourceType: "url",
      id: String(n),
      url: `https://${n}.example/`,
      title: `${n}`,
    });
    const [start, hello, end] = text("0", "Hello") as [Part, Part, Part];
    const { response } = await turnOf([[source(1), start, hello, source(2), end, finish("stop")]]);
    expect(response.output[0]?.content?.[0]).toMatchObject({
      annotations: [
        { type: "url_citation", url: "https://1.example/", title: "1", start_index: 0, end_index: 0 },
        { type: "url_citation", url: "https://2.example/", title: "2", start_index: 5, end_index: 5 },
      ],
    });
  });

  it("cites each place that OpenAI's annotations name once, although the AI SDK names their sources too", async () => {
    const url = "https://x.example/";
    const place = (start_index: number) => ({
      type: "url_citation",
      url,
      title: "X",
      start_index,
      end_index: 5,
    });
    const [start, hello, end] = text("0", "Hello") as [Part, Part, Part];
    const source = { type: "source", sourceType: "url", id: "s", url, title: "X" };
    const annotated = { ...end, providerMetadata: { openai: { annotations: [place(0), place(3)] } } };
    const { response } = await turnOf([[start, hello, source, source, annotated, finish("stop")]]);
    expect(response.output[0]?.content?.[0]).toMatchObject({ annotations: [place(0), place(3)] });
  });

  it("shows a picture that the model made", async () => {
    const file = { type: "file", mediaType: "image/png", data: "aGk=" };
    const { response } = await turnOf([[file, finish("stop")]]);
    expect(response.output).toMatchObject([{ type: "image_generation_call", result: "aGk=" }]);
  });

  it.each([
    ["length", "max_output_tokens"],
    ["content-filter", "content_filter"],
  ])("is incomplete where the model stopped for %s", async (reason, told) => {
    const { response } = await turnOf([[...text("0", "Half"), finish(reason)]]);
    expect(response).toMatchObject({ status: "incomplete", incomplete_details: { reason: told } });
  });

  it("tells once of each kind of part that the protocol has no place for", async () => {
    const onEvent = vi.fn();
    async function* parts() {
      for (const type of ["custom", "custom", "of-tomorrow", "ping", "raw"]) yield { type };
      yield { type: "finish", finishReason: "stop" };
    }
    const { response } = await turn(() => aiSdkOutput(parts(), { onEvent }));
    expect(response.status).toBe("completed");
    expect(onEvent.mock.calls).toEqual(
      ["custom", "of-tomorrow"].map((part) => [{ type: "stream_part_skipped", framework: "ai-sdk", part }]),
    );
  });

  it("has the arguments that a framework has mended", async () => {
    async function* parts() {
      yield { type: "tool-input-start", id: "1", toolName: "weather" };
      yield { type: "tool-input-delta", id: "1", delta: '{"city":' };
      yield { type: "tool-call", toolCallId: "1", toolName: "weather", input: { city: "Rome" } };
      yield { type: "finish", finishReason: "tool-calls" };
    }
    const { response } = await turn(() => aiSdkOutput(parts()));
    expect(response.output).toMatchObject([{ arguments: '{"city":"Rome"}', status: "completed" }]);
  });
});

describe("a tool that throws", () => {
  it("fails no turn, and its message is not the client's", async () => {
    const steps = [
      [...call(), finish("tool-calls")],
      [...text("0", "Sorry."), finish("stop")],
    ];
    const { response } = await turn(() =>
      aiSdkOutput(
        answerOf(steps, () => {
          throw new Error("connect to db-7.internal as admin");
        }),
      ),
    );
    expect(response).toMatchObject({
      status: "completed",
      output: [
        { type: "function_call" },
        {
          type: "function_call_output",
          status: "incomplete",
          output: expect.stringContaining("tool_failed"),
        },
        { type: "message" },
      ],
    });
    expect(JSON.stringify(response)).not.toContain("db-7");
  });

  it("shows the code of an error of this package", async () => {
    const { response } = await turn(() =>
      aiSdkOutput(
        answerOf([[...call(), finish("tool-calls")], [finish("stop")]], () => {
          throw new HostedAgentIdentityError("pool_busy");
        }),
      ),
    );
    expect(response.output[1]).toMatchObject({ output: expect.stringContaining('"pool_busy"') });
  });

  it("asks for consent where that was what it threw", async () => {
    const { response } = await turn(() =>
      aiSdkOutput(
        (async function* () {
          yield { type: "error", error: new Error("wrapped", { cause: consentError("contacts") }) };
        })(),
      ),
    );
    expect(response).toMatchObject({ status: "incomplete", output: [{ type: "oauth_consent_request" }] });
  });
});

describe("a model that fails", () => {
  const boom = new Error("boom");
  const failures: Record<string, () => RunOutput> = {
    "whose stream has an error": () =>
      aiSdkOutput(answerOf([[...text("0", "Ha"), { type: "error", error: boom }]])),
    "whose stream throws": () =>
      aiSdkOutput(
        (async function* () {
          yield { type: "text-delta", id: "0", text: "Ha" };
          throw boom;
        })(),
      ),
  };
  it.each(Object.entries(failures))("%s, fails the turn with the error as its cause", async (_, output) => {
    const { response, errors } = await turn(output);
    expect(response).toMatchObject({ status: "failed", error: { code: "run_failed" } });
    expect(errors).toEqual([expect.objectContaining({ code: "run_failed", cause: boom })]);
  });

  it("that could not even be asked fails the turn with what its endpoint answered", async () => {
    const model = new MockLanguageModelV3({
      doStream: () => Promise.reject(Object.assign(new Error("no"), { statusCode: 401 })),
    });
    const { response } = await turn(() =>
      aiSdkOutput(streamText({ model, prompt: "Hi", onError: () => {} })),
    );
    expect(response.error).toEqual({ code: "run_failed", message: "The model's endpoint answered 401." });
  });

  it.each([
    ["error", "error"],
    ["other", null],
    ["interrupted", null],
    ["unknown", null],
  ])("finishes with %s, and fails the turn", async (reason, raw) => {
    const { response } = await turnOf([[...text("0", "Half"), finish(reason, raw)]]);
    expect(response).toMatchObject({ status: "failed", error: { code: "run_failed" } });
  });

  it("has a reason of its own to stop, and completes the turn", async () => {
    const { response } = await turnOf([[...text("0", "Whole"), finish("other", "pause_turn")]]);
    expect(response.status).toBe("completed");
  });

  it.each(["abort", "nothing"])("fails the turn where its stream ends with %s", async (last) => {
    async function* parts() {
      yield { type: "text-delta", id: "0", text: "Half" };
      if (last === "abort") yield { type: "abort" };
    }
    const { response } = await turn(() => aiSdkOutput(parts()));
    expect(response).toMatchObject({ status: "failed", output: [{ status: "incomplete" }] });
  });

  it("leaves an error of this package what it is", async () => {
    const own = new HostedAgentIdentityError("entra_unreachable");
    const { response } = await turnOf([[{ type: "error", error: new Error("wrapped", { cause: own }) }]]);
    expect(response.error?.code).toBe("entra_unreachable");
  });
});

it.each([
  ["its textStream", () => answerOf([[...text("0", "Hi"), finish("stop")]]).textStream],
  ["nothing", () => undefined],
  ["a promise", () => Promise.resolve({})],
  [
    "parts of version 4",
    async function* () {
      yield { type: "text-delta", textDelta: "Hi" };
    },
  ],
])("anything else than a result fails the turn with invalid_option: %s", async (_, given) => {
  const { response, errors } = await turn(async function* () {
    yield* aiSdkOutput(given() as never);
  });
  expect(response.status).toBe("failed");
  expect(errors).toMatchObject([
    { code: "invalid_option", message: expect.stringContaining("streamText()") },
  ]);
});

it("a client that leaves ends the AI SDK's stream", async () => {
  const ended = vi.fn();
  async function* parts() {
    try {
      for (;;) yield { type: "text-delta", id: "0", text: "on and on " };
    } finally {
      ended();
    }
  }
  const events = withConsent(() => aiSdkOutput(parts()), { context: contextOf("ada") });
  for (let n = 0; n < 6; n += 1) await events.next();
  await events.return?.();
  await vi.waitFor(() => expect(ended).toHaveBeenCalledOnce());
});

it("a result whose await was forgotten says so, and leaves no rejection unhandled", async () => {
  const unhandled = vi.fn();
  process.on("unhandledRejection", unhandled);
  const { response, errors } = await turn(async function* () {
    yield* aiSdkOutput(Promise.reject(new Error("the model's endpoint answered 401")) as never);
  });
  await new Promise(setImmediate);
  process.off("unhandledRejection", unhandled);
  expect(unhandled).not.toHaveBeenCalled();
  expect(response.status).toBe("failed");
  expect(errors).toMatchObject([{ code: "invalid_option", message: expect.stringContaining("write await") }]);
});
