import { afterEach, describe, expect, it, vi } from "vitest";
import { runningTurns, type ResponsesRun, type RunEvent, type UserContext } from "hosted-agent-identity";
import { gate } from "../support/consenting-access.js";
import { adapters, echo, eventsOf, startAgent, statesOf, type ContractAgent } from "./agent.js";

let agent: ContractAgent | undefined;
afterEach(async () => {
  await agent?.close();
  agent = undefined;
});

const failing: ResponsesRun = async function* () {
  yield "Half of the ans";
  throw new Error("broken");
};

const modes = [
  ["C1", { store: true, stream: false }],
  ["C2", { store: true, stream: true }],
  ["C5", { store: false, stream: false }],
  ["C6", { store: false, stream: true }],
] as const;

for (const [rule, body] of modes) {
  it(`${rule}: store ${body.store}, stream ${body.stream} is answered with the whole response`, async () => {
    agent = await startAgent();
    const answer = await agent.post({ input: "x", ...body });
    const text = await answer.text();
    expect(answer.status).toBe(200);
    const type = answer.headers.get("content-type");
    expect(type).toMatch(body.stream ? /^text\/event-stream/ : /^application\/json/);
    const last = body.stream ? eventsOf(text).at(-1)?.response : (JSON.parse(text) as object);
    expect(last).toMatchObject({ status: "completed", output: [{ content: [{ text: "You said x" }] }] });
  });
}

describe("the events of a stream", () => {
  it("B8: come in the protocol's order", async () => {
    agent = await startAgent();
    expect((await agent.streamed({ input: "x" })).map(({ type }) => type)).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
  });

  it("B9: are numbered from 0 without a gap", async () => {
    agent = await startAgent();
    const events = await agent.streamed({ input: "x" });
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, n) => n));
  });

  it("B23: hold the response as it was then", async () => {
    agent = await startAgent();
    const states = statesOf(await agent.streamed({ input: "x" }));
    expect(states.map(({ status, output }) => [status, output.length])).toEqual([
      ["in_progress", 0],
      ["in_progress", 0],
      ["completed", 1],
    ]);
  });

  it("B26: end with exactly one that is terminal, and no [DONE]", async () => {
    for (const run of [echo, failing]) {
      agent = await startAgent(run);
      const text = await (await agent.post({ input: "x", stream: true })).text();
      const terminal = eventsOf(text).filter(({ type }) => /\.(completed|failed|incomplete)$/.test(type));
      expect(terminal).toHaveLength(1);
      expect(eventsOf(text).at(-1)).toEqual(terminal[0]);
      expect(text).not.toContain("[DONE]");
      await agent.close();
    }
  });

  it("B27: are written as event and data, without id", async () => {
    agent = await startAgent();
    const text = await (await agent.post({ input: "x", stream: true })).text();
    for (const block of text.trimEnd().split("\n\n")) {
      const [, name, data] = /^event: (\S+)\ndata: (\{.*\})$/.exec(block) ?? [];
      expect((JSON.parse(data ?? "{}") as { type: unknown }).type).toBe(name);
    }
  });

  it("B32: have a terminal one also when the run says nothing", async () => {
    agent = await startAgent(async function* () {});
    expect((await agent.streamed({ input: "x" })).map(({ type }) => type)).toEqual([
      "response.created",
      "response.in_progress",
      "response.completed",
    ]);
  });

  it("S-008: are of this response, whatever the run says of its model's", async () => {
    agent = await startAgent(async function* () {
      yield {
        type: "response.created",
        response: { id: "resp_of_the_model", status: "completed", output: [{ type: "message" }] },
      } as RunEvent;
      yield "x";
    });
    const events = await agent.streamed({ input: "x" });
    expect(events[0]).toMatchObject({ type: "response.created", response: { status: "in_progress" } });
    expect(JSON.stringify(events)).not.toContain("resp_of_the_model");
  });

  it("S-012: list every item that the terminal one has", async () => {
    agent = await startAgent(async function* () {
      yield "x";
      yield { type: "response.output_item.done", item: { type: "reasoning", summary: [] } } as RunEvent;
    });
    const events = await agent.streamed({ input: "x" });
    const done = events.filter(({ type }) => type === "response.output_item.done").map(({ item }) => item);
    expect(events.at(-1)?.response?.output).toEqual(done);
    expect(done).toHaveLength(2);
    expect(done[1]?.id).toMatch(/^rs_/);
  });

  it("S-017: have the status of their type", async () => {
    for (const run of [echo, failing]) {
      agent = await startAgent(run);
      const last = (await agent.streamed({ input: "x" })).at(-1);
      expect(last?.type).toBe(`response.${last?.response?.status}`);
      await agent.close();
    }
  });
});

/** A run that says something and goes on until it is stopped. */
function endless(): { run: ResponsesRun; begun: Promise<UserContext>; stopped: Promise<unknown> } {
  const begun = gate<UserContext>();
  const stopped = gate<unknown>();
  return {
    begun: begun.promise,
    stopped: stopped.promise,
    async *run({ signal, context }) {
      signal.addEventListener("abort", () => stopped.open(signal.reason));
      yield "first";
      begun.open(context);
      await new Promise((_, failed) =>
        signal.addEventListener("abort", () => failed(signal.reason as Error)),
      );
    },
  };
}

const one = {
  verify: () => Promise.reject(new Error("no token")),
  platformUserId: "one-person",
  environment: { hosted: true, projectEndpoint: "https://x.example/projects/p", agentName: "a" },
} as const;
const headers = { "x-agent-user-id": "ada", "x-agent-foundry-call-id": "call-1" };

describe("a turn that is stopped", () => {
  for (const stream of [true, false]) {
    it(`B17: by its client's leaving is cancelled, streamed: ${stream}`, async () => {
      const { run, begun, stopped } = endless();
      agent = await startAgent(run);
      const client = new AbortController();
      const sent = agent
        .post({ input: "x", stream }, { signal: client.signal })
        .then((answer) => answer.text());
      await begun;
      client.abort();
      await expect(sent).rejects.toThrow("aborted");
      expect(await stopped).toMatchObject({ code: "turn_cancelled" });
    });

    it(`B11: by its user has no output and is cancelled, streamed: ${stream}`, async () => {
      const turns = runningTurns();
      const { run, begun } = endless();
      agent = await startAgent(run, { turns }, one);
      const id = `caresp_${"a".repeat(50)}`;
      const sent = agent.post({ input: "x", stream }, { headers: { ...headers, "x-agent-response-id": id } });
      const context = await begun;
      const cancelled = await turns.cancel(id, context);
      expect(cancelled).toMatchObject({
        id,
        status: "cancelled",
        output: [],
        error: null,
        completed_at: null,
      });
      const text = await (await sent).text();
      const last = stream ? eventsOf(text).at(-1) : { type: "response.failed", response: JSON.parse(text) };
      expect(last).toMatchObject({ type: "response.failed", response: cancelled ?? {} });
    });
  }

  it("B7: by its user is neither failed nor completed", async () => {
    const turns = runningTurns();
    const { run, begun } = endless();
    agent = await startAgent(run, { turns }, one);
    const id = `caresp_${"b".repeat(50)}`;
    const answer = agent.post({ input: "x", response_id: id }, { headers });
    await turns.cancel(id, await begun);
    expect(await (await answer).json()).toMatchObject({ status: "cancelled" });
  });

  it("B24: by the host's shutdown has failed", async () => {
    const turns = runningTurns();
    const { run, begun } = endless();
    agent = await startAgent(run, { turns });
    const answer = agent.post({ input: "x" });
    await begun;
    await turns.drain({ timeoutMs: 0 });
    expect(await (await answer).json()).toMatchObject({ status: "failed" });
  });
});

describe.each(adapters)("on %s", (_, start) => {
  it("sse-headers: a stream says that nobody may hold it back", async () => {
    agent = await startAgent(echo, {}, undefined, start);
    const answer = await agent.post({ input: "x", stream: true });
    await answer.text();
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      connection: "keep-alive",
      "x-accel-buffering": "no",
    });
  });

  it("B28: comments come only where they are asked for", async () => {
    vi.stubEnv("SSE_KEEPALIVE_INTERVAL", "");
    const go = gate();
    const run: ResponsesRun = async function* () {
      yield "first";
      await go.promise;
    };
    agent = await startAgent(run, { keepAliveMs: 5 }, undefined, start);
    const answer = await agent.post({ input: "x", stream: true });
    let text = "";
    for await (const chunk of answer.body ?? []) {
      text += Buffer.from(chunk as Uint8Array).toString();
      if (text.includes(": keep-alive\n\n")) go.open();
    }
    expect(eventsOf(text).at(-1)?.type).toBe("response.completed");
    await agent.close();
    agent = await startAgent(echo, {}, undefined, start);
    expect(await (await agent.post({ input: "x", stream: true })).text()).not.toContain("keep-alive");
    vi.unstubAllEnvs();
  });
});
