import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ResponsesRun, RunEvent } from "hosted-agent-identity";
import { adapters, earlierId, echo, startAgent, statesOf, type ContractAgent } from "./agent.js";

let agent: ContractAgent | undefined;
beforeEach(() => {
  for (const name of ["FOUNDRY_AGENT_NAME", "FOUNDRY_AGENT_VERSION", "FOUNDRY_AGENT_SESSION_ID"])
    vi.stubEnv(name, "");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await agent?.close();
  agent = undefined;
});

/** Every response object of a request: those of a stream, and the plain one. */
async function everyState(
  body: Record<string, unknown>,
  run: ResponsesRun = echo,
): Promise<readonly Record<string, unknown>[]> {
  agent = await startAgent(run);
  const streamed = statesOf(await agent.streamed(body));
  expect(streamed).toHaveLength(3);
  return [...streamed, await agent.plain(body)];
}

const failing: ResponsesRun = async function* () {
  yield "Half of the ans";
  throw new Error("password=hunter2 at /srv/agent/secret.ts");
};

const cutShort: ResponsesRun = async function* () {
  yield "Half of the ans";
  yield {
    type: "response.incomplete",
    response: { incomplete_details: { reason: "max_output_tokens" } },
  } as RunEvent;
};

describe("every response object", () => {
  it("B31: has the required fields", async () => {
    for (const state of await everyState({ input: "x" }))
      expect(state).toMatchObject({
        id: expect.stringMatching(/^caresp_[A-Za-z0-9]{50}$/),
        response_id: state["id"],
        object: "response",
        created_at: expect.any(Number),
        status: expect.any(String),
        output: expect.any(Array),
        model: expect.any(String),
        parallel_tool_calls: true,
        tool_choice: "auto",
        tools: [],
        instructions: null,
        temperature: null,
        top_p: null,
        metadata: {},
        incomplete_details: null,
        background: false,
      });
  });

  it("S-040 (Python): names the conversation, however the request does", async () => {
    for (const conversation of ["conv_abc", { id: "conv_abc" }]) {
      for (const state of await everyState({ input: "x", conversation }))
        expect(state).toMatchObject({ conversation: { id: "conv_abc" } });
      await agent?.close();
    }
    for (const state of await everyState({ input: "x" })) expect(state).not.toHaveProperty("conversation");
  });

  it("S-038 (Python): names the session", async () => {
    for (const state of await everyState({ input: "x", agent_session_id: "session-1" }))
      expect(state["agent_session_id"]).toBe("session-1");
  });

  it("B21: names the agent, and so do its items", async () => {
    const agent_reference = { type: "agent_reference", name: "custom-agent", version: "v1" };
    for (const state of await everyState({ input: "x", agent_reference }))
      expect(state).toMatchObject({
        agent_reference,
        output: (state["output"] as unknown[]).map(() => ({ agent_reference })),
      });
    await agent?.close();
    for (const state of await everyState({ input: "x" }))
      expect(state["agent_reference"]).toEqual({ type: "agent_reference", name: "server-default-agent" });
  });

  it("B37: says again what the request asked for, whatever a model in the run says", async () => {
    const asked = {
      instructions: "Be kind.",
      metadata: { color: "red" },
      temperature: 0.5,
      top_p: 0.2,
      tool_choice: "none",
      parallel_tool_calls: false,
      max_output_tokens: 5,
      text: { format: { type: "text" } },
      truncation: "auto",
      user: "u",
      previous_response_id: earlierId,
    };
    const states = await everyState({ input: "x", ...asked }, async function* ({ input }) {
      yield {
        type: "response.created",
        response: {
          id: "resp_of_the_model",
          instructions: "The agent's own prompt.",
          tools: [{ type: "function", name: "internal" }],
          conversation: { id: "conv_of_the_model" },
          agent_session_id: "other",
          metadata: {},
        },
      } as RunEvent;
      yield `You said ${input}`;
    });
    for (const state of states) {
      expect(state).toMatchObject({ ...asked, tools: [] });
      expect(JSON.stringify(state)).not.toMatch(/of_the_model|own prompt|internal|"other"/);
    }
  });

  it("B37: shows the tools of the request without what they were given to authenticate with", async () => {
    const tool = { type: "mcp", server_label: "x", server_url: "https://x.example" };
    const states = await everyState({
      input: "x",
      tools: [{ ...tool, authorization: "token-1", headers: { "x-key": "token-2" } }],
    });
    for (const state of states) expect(state["tools"]).toEqual([tool]);
  });

  it("B33: has usage when the run knows it, and no field at all when it does not", async () => {
    for (const state of await everyState({ input: "x" })) expect(state).not.toHaveProperty("usage");
    await agent?.close();
    const usage = { input_tokens: 3, output_tokens: 4, total_tokens: 7 };
    agent = await startAgent(async function* () {
      yield "x";
      yield { type: "response.completed", response: { usage } } as RunEvent;
    });
    expect(await agent.plain({ input: "x" })).toMatchObject({ status: "completed", usage });
  });

  it("B22: names the model: the request's, else the agent, else that it is one", async () => {
    agent = await startAgent();
    expect((await agent.plain({ input: "x", model: "gpt-5" }))["model"]).toBe("gpt-5");
    expect((await agent.plain({ input: "x", model: "" }))["model"]).toBe("agent");
    const reference = { type: "agent_reference", name: "helper" };
    expect((await agent.plain({ input: "x", agent_reference: reference }))["model"]).toBe("helper");
  });

  it("S-039: takes the model from an option first", async () => {
    agent = await startAgent(echo, { model: "configured" });
    expect((await agent.plain({ input: "x", model: "gpt-5" }))["model"]).toBe("configured");
  });
});

describe("the status", () => {
  it("B6: decides what stands beside it", async () => {
    const seen: Record<string, unknown>[] = [];
    for (const run of [echo, failing, cutShort]) {
      seen.push(...(await everyState({ input: "x" }, run)));
      await agent?.close();
    }
    expect(new Set(seen.map(({ status }) => status))).toEqual(
      new Set(["in_progress", "completed", "failed", "incomplete"]),
    );
    for (const { status, completed_at: at, error } of seen) {
      expect(at === null, `completed_at of ${String(status)}`).toBe(status !== "completed");
      expect(error === null, `error of ${String(status)}`).toBe(status !== "failed");
    }
  });

  it("S-029: failed has an error of code and message, which tell nothing of the inside", async () => {
    agent = await startAgent(failing);
    const { error } = await agent.plain({ input: "x" });
    expect(error).toEqual({ code: "server_error", message: "The agent could not finish this response." });
  });

  it("S-020: is failed when the run throws, streamed and plain, and onError gets the error", async () => {
    const onError = vi.fn();
    agent = await startAgent(failing, { onError });
    const events = await agent.streamed({ input: "x" });
    expect(events.at(-1)).toMatchObject({ type: "response.failed", response: { status: "failed" } });
    expect(await agent.plain({ input: "x" })).toMatchObject({ status: "failed" });
    expect(onError).toHaveBeenCalledTimes(2);
    expect(JSON.stringify(events)).not.toContain("hunter2");
  });

  it("B30: is failed when what the run yields cannot be written, and the reason is not shown", async () => {
    const run: ResponsesRun = async function* () {
      yield { type: "response.output_item.added", secret: "hunter2" } as RunEvent;
    };
    for (const state of (await everyState({ input: "x" }, run)).slice(2)) {
      expect(state["status"]).toBe("failed");
      expect(JSON.stringify(state)).not.toContain("hunter2");
    }
  });

  it("S-022: is incomplete only when the run says so, or a person has to act first", async () => {
    agent = await startAgent(cutShort);
    expect(await agent.plain({ input: "x" })).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
    });
  });
});

describe("ids", () => {
  it("B20: of the response stand on its items", async () => {
    agent = await startAgent();
    const response = await agent.plain({ input: "x" });
    expect(response.output.map((item) => item["response_id"])).toEqual([response["id"]]);
  });

  it("B38: are the platform's choice, then the caller's, then new", async () => {
    const [platform, caller] = ["a", "b"].map((letter) => `caresp_${letter.repeat(50)}`);
    const users = {
      verify: () => Promise.reject(new Error("no token")),
      environment: { hosted: true },
    };
    agent = await startAgent(echo, {}, users);
    const ask = async (headers: Record<string, string>, body: object): Promise<unknown> => {
      const sent = { "x-agent-user-id": "u", "x-agent-foundry-call-id": "c", ...headers };
      const answer = await agent?.post({ input: "x", ...body }, { headers: sent });
      return (JSON.parse((await answer?.text()) ?? "{}") as { id?: unknown }).id;
    };
    const header = { "x-agent-response-id": platform ?? "" };
    expect(await ask(header, { response_id: caller })).toBe(platform);
    expect(await ask({}, { response_id: caller })).toBe(caller);
    expect(await ask({}, {})).toMatch(/^caresp_[A-Za-z0-9]{50}$/);
  });

  it("S-005: reach the run, with the request and the signal", async () => {
    const seen: unknown[] = [];
    agent = await startAgent(async function* ({ responseId, request, signal }) {
      seen.push(responseId, request.body["model"], signal.aborted);
      yield "x";
    });
    const { id } = await agent.plain({ input: "x", model: "m" });
    expect(seen).toEqual([id, "m", false]);
  });

  it("B38: that are new are in the partition of the conversation", async () => {
    agent = await startAgent();
    const partition = `${"1".repeat(16)}00`;
    const conversation = `conv_${partition}${"c".repeat(32)}`;
    expect((await agent.plain({ input: "x", conversation }))["id"]).toMatch(
      new RegExp(`^caresp_${partition}`),
    );
  });
});

describe("the session", () => {
  const session = async (body: object, headers: Record<string, string> = {}): Promise<unknown> => {
    const answer = await agent?.post({ input: "x", ...body }, { headers });
    const { agent_session_id: id } = JSON.parse((await answer?.text()) ?? "{}") as {
      agent_session_id?: unknown;
    };
    expect(answer?.headers.get("x-agent-session-id")).toBe(id);
    return id;
  };

  it("B39: is the request's, then the environment's, then of the conversation, then a new one", async () => {
    agent = await startAgent();
    const fresh = await session({});
    expect(fresh).toMatch(/^[0-9a-f]{63}$/);
    expect(await session({})).not.toBe(fresh);
    const ofConversation = await session({ conversation: "conv_1" });
    expect(ofConversation).toMatch(/^[0-9a-f]{63}$/);
    expect(await session({ conversation: { id: "conv_1" } })).toBe(ofConversation);
    expect(await session({ conversation: "conv_2" })).not.toBe(ofConversation);
    const reference = { type: "agent_reference", name: "other" };
    expect(await session({ conversation: "conv_1", agent_reference: reference })).not.toBe(ofConversation);
    vi.stubEnv("FOUNDRY_AGENT_SESSION_ID", "session-of-the-sandbox");
    expect(await session({ conversation: "conv_1" })).toBe("session-of-the-sandbox");
    expect(await session({ agent_session_id: "session-1" })).toBe("session-1");
  });

  it("B39: is never a header's, not even where the platform's headers are trusted", async () => {
    const users = { verify: () => Promise.reject(new Error("no token")), environment: { hosted: true } };
    agent = await startAgent(echo, {}, users);
    const sent = { "x-agent-user-id": "u", "x-agent-foundry-call-id": "c", "x-agent-session-id": "header" };
    expect(await session({}, sent)).not.toBe("header");
  });
});

describe.each(adapters)("on %s", (_, start) => {
  it("B39: conversation and session stand in every state, streamed and plain", async () => {
    agent = await startAgent(echo, {}, undefined, start);
    const body = { input: "x", conversation: "conv_abc", agent_session_id: "session-1" };
    const states = [...statesOf(await agent.streamed(body)), await agent.plain(body)];
    expect(states).toHaveLength(4);
    for (const state of states)
      expect(state).toMatchObject({
        conversation: { id: "conv_abc" },
        agent_session_id: "session-1",
        agent_reference: { name: "server-default-agent" },
      });
  });

  it("B19: every answer names the server and the request", async () => {
    agent = await startAgent(echo, {}, undefined, start);
    for (const body of [{ input: "x" }, { input: "x", stream: true }, { input: 5 }]) {
      const answer = await agent.post(body, { headers: { "x-request-id": "request-1" } });
      await answer.text();
      expect(answer.headers.get("x-request-id")).toBe("request-1");
      expect(answer.headers.get("x-platform-server")).toMatch(
        /^hosted-agent-identity\/\S+ \(node\/\d+\); responses\/2\.0\.0 \(node\/\d+\)$/,
      );
    }
  });
});
