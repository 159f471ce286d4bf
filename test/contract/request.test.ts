import { afterEach, describe, expect, it, vi } from "vitest";
import { adapters, earlierId, echo, startAgent, type ContractAgent } from "./agent.js";

let agent: ContractAgent | undefined;
afterEach(async () => {
  await agent?.close();
  agent = undefined;
});

interface WireError {
  readonly error: {
    readonly type: string;
    readonly code: string;
    readonly param: string | null;
    readonly message: string;
    readonly details?: readonly Record<string, string>[];
  };
}

/** What is answered to a request that is refused; its run is not called. */
async function refusalOf(body: unknown, status = 400): Promise<WireError["error"]> {
  const run = vi.fn(echo);
  agent = await startAgent(run);
  const response = await agent.post(body);
  expect(response.status).toBe(status);
  expect(response.headers.get("x-platform-error-source")).toBe("user");
  expect(run).not.toHaveBeenCalled();
  return ((await response.json()) as WireError).error;
}

async function statusOf(body: unknown): Promise<number> {
  agent = await startAgent();
  const response = await agent.post(body);
  await response.text();
  return response.status;
}

describe("the body of a request", () => {
  it("body-empty: an empty body is refused", async () => {
    expect(await refusalOf("")).toMatchObject({ type: "invalid_request_error", code: "invalid_json" });
  });

  it("body-json: a body that is no JSON is refused", async () => {
    expect(await refusalOf("{invalid json")).toMatchObject({ type: "invalid_request_error" });
  });

  it("body-model: the model may be missing", async () => {
    expect(await statusOf({ input: "x" })).toBe(200);
  });

  it("body-input: the input may be missing", async () => {
    agent = await startAgent();
    expect(await agent.plain({ model: "test" })).toMatchObject({
      status: "completed",
      output: [{ content: [{ text: "You said " }] }],
    });
  });

  it("body-type: a field of a wrong type is refused", async () => {
    expect(await refusalOf({ input: "x", stream: "invalid" })).toMatchObject({
      type: "invalid_request_error",
      param: "$.stream",
      message: "stream: Expected boolean, got string.",
    });
  });

  it("body-unknown: unknown fields are ignored", async () => {
    expect(await statusOf({ input: "x", foo: "bar", unknown_nested: { key: "value" } })).toBe(200);
  });
});

describe("every field of the schema", () => {
  const wrong: Record<string, unknown> = {
    agent_reference: "x",
    agent_session_id: 5,
    background: "x",
    context_management: {},
    conversation: 5,
    include: "x",
    input: 5,
    instructions: {},
    max_output_tokens: 1.5,
    max_tool_calls: "1",
    metadata: [],
    model: 5,
    parallel_tool_calls: 1,
    previous_response_id: 5,
    prompt: "x",
    prompt_cache_key: 5,
    reasoning: "x",
    response_id: 5,
    safety_identifier: 5,
    service_tier: 5,
    store: "x",
    stream: 1,
    stream_options: "x",
    structured_inputs: [],
    temperature: "x",
    text: "x",
    tool_choice: "sometimes",
    tools: {},
    top_logprobs: "1",
    top_p: true,
    truncation: "never",
    user: {},
  };

  it("B29: is checked, and each fault is told", async () => {
    const { type, code, param, details, message } = await refusalOf({ ...wrong, unknown: 5 });
    expect({ type, code, param }).toEqual({
      type: "invalid_request_error",
      code: "invalid_value",
      param: "$.agent_reference",
    });
    expect(message).toMatch(/^20 fields .* agent_reference: Expected object, got string\.$/);
    expect(details).toHaveLength(20);
    for (const detail of details ?? [])
      expect(detail).toEqual({
        type: "invalid_request_error",
        code: "invalid_value",
        message: expect.stringMatching(/^Expected /),
        param: expect.stringMatching(/^\$\.\w+$/),
      });
  });

  it("S-031: is named by its path when it is the only fault", async () => {
    agent = await startAgent();
    for (const [field, value] of Object.entries(wrong)) {
      const response = await agent.post({ input: "x", [field]: value });
      const { error } = (await response.json()) as WireError;
      const params = error.details?.map(({ param }) => param);
      expect({ field, status: response.status, params }).toEqual({
        field,
        status: 400,
        params: [`$.${field}`],
      });
    }
  });

  it("S-030: is named with its place in a list or an object", async () => {
    expect(
      (
        await refusalOf({
          input: ["text"],
          include: [5],
          tools: [{ type: "function" }, null],
          metadata: { color: 5 },
          conversation: { id: 5 },
        })
      ).details?.map(({ param }) => param),
    ).toEqual(["$.include[0]", "$.input[0]", "$.metadata.color", "$.tools[1]", "$.conversation.id"]);
  });

  it("B29: may be null, which counts as absent", async () => {
    expect(await statusOf(Object.fromEntries(Object.keys(wrong).map((field) => [field, null])))).toBe(200);
  });

  it("S-002: is accepted as it should be", async () => {
    expect(
      await statusOf({
        agent_reference: { type: "agent_reference", name: "helper", version: "1" },
        agent_session_id: "session-1",
        background: false,
        conversation: { id: "conv_1" },
        include: ["reasoning.encrypted_content"],
        input: [{ role: "user", content: "x" }],
        instructions: "Be kind.",
        max_output_tokens: 100,
        metadata: { color: "red" },
        model: "gpt-5",
        parallel_tool_calls: true,
        previous_response_id: earlierId,
        reasoning: { effort: "tomorrow's word" },
        response_id: `caresp_${"b".repeat(50)}`,
        service_tier: "tomorrow's word",
        store: false,
        stream: false,
        temperature: 1,
        text: { format: { type: "text" } },
        tool_choice: { type: "function", name: "x" },
        tools: [{ type: "function", name: "x" }],
        top_p: 0.5,
        truncation: "auto",
        user: "u",
      }),
    ).toBe(200);
  });
});

describe("metadata", () => {
  const pairs = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`key_${n}`, `value ${n}`]));

  it("metadata-pairs: 16 pairs are accepted, 17 are not", async () => {
    expect(await statusOf({ input: "x", metadata: pairs(16) })).toBe(200);
    await agent?.close();
    expect(await refusalOf({ input: "x", metadata: pairs(17) })).toMatchObject({
      type: "invalid_request_error",
      param: "metadata",
    });
  });

  it("metadata-key: a key may have 64 characters", async () => {
    expect(await statusOf({ input: "x", metadata: { ["😀".repeat(64)]: "v" } })).toBe(200);
    await agent?.close();
    expect((await refusalOf({ input: "x", metadata: { ["a".repeat(65)]: "v" } })).param).toBe("metadata");
  });

  it("metadata-value: a value may have 512 characters", async () => {
    expect(await statusOf({ input: "x", metadata: { key: "v".repeat(512) } })).toBe(200);
    await agent?.close();
    const { param, details } = await refusalOf({ input: "x", metadata: { key: "v".repeat(513) } });
    expect({ param, path: details?.[0]?.["param"] }).toEqual({ param: "metadata", path: "$.metadata.key" });
  });
});

describe("identities and modes", () => {
  it("B13: background requires store", async () => {
    expect(await refusalOf({ input: "x", background: true, store: false })).toMatchObject({
      code: "unsupported_parameter",
      param: "background",
      message: "background=true requires store=true.",
    });
  });

  it("C7: background without store is refused", async () => {
    expect((await refusalOf({ background: true, store: false })).code).toBe("unsupported_parameter");
  });

  it("C8: background without store is refused, streamed too", async () => {
    expect((await refusalOf({ background: true, store: false, stream: true })).param).toBe("background");
  });

  it("B40: an id that cannot be one is refused", async () => {
    for (const [field, value] of Object.entries({
      previous_response_id: "totally-invalid",
      response_id: "resp_abc123",
      conversation: "two words",
      agent_session_id: "two words",
    })) {
      expect(await refusalOf({ input: "x", [field]: value })).toMatchObject({
        code: "invalid_parameters",
        type: "invalid_request_error",
        param: field,
      });
      await agent?.close();
    }
    expect(await statusOf({ input: "x", previous_response_id: earlierId })).toBe(200);
  });

  it("B21: an agent reference is one, with a name", async () => {
    const type = { type: "not_agent_reference", name: "bad" };
    expect((await refusalOf({ agent_reference: type })).param).toBe("agent_reference.type");
    await agent?.close();
    const name = { type: "agent_reference", name: " " };
    expect((await refusalOf({ agent_reference: name })).param).toBe("agent_reference.name");
  });

  it("S-003: stream_options requires stream", async () => {
    expect(await refusalOf({ stream_options: { include_obfuscation: false } })).toMatchObject({
      code: "invalid_mode",
      param: "stream",
    });
    await agent?.close();
    expect(await statusOf({ stream: true, stream_options: { include_obfuscation: false } })).toBe(200);
  });

  it("B15: a conversation goes with store=false", async () => {
    expect(await statusOf({ input: "x", conversation: "conv_1", store: false })).toBe(200);
  });
});

describe.each(adapters)("on %s", (_, start) => {
  it("S-027: a refusal is the platform's error envelope", async () => {
    agent = await startAgent(echo, {}, undefined, start);
    const response = await agent.post({ input: 5 });
    expect(response.status).toBe(400);
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
    expect(Object.keys(((await response.json()) as WireError).error).toSorted()).toEqual(
      ["code", "details", "message", "param", "type"].toSorted(),
    );
  });
});
