import { once } from "node:events";
import { createServer, request, type IncomingMessage, type Server } from "node:http";
import { createOpenAI } from "@ai-sdk/openai";
import { serve } from "@hono/node-server";
import { streamText } from "ai";
import fastify from "fastify";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  getUserContext,
  HostedAgentIdentityError,
  responses,
  type ResponsesRun,
  runWithUserContext,
  TokenExchangeError,
  type Turn,
  type UserContext,
} from "hosted-agent-identity";
import { type ResponseEvent, toSse, withConsent } from "hosted-agent-identity/turn";
import { responses as fastifyResponses } from "hosted-agent-identity/fastify";
import { responses as nodeResponses } from "hosted-agent-identity/node";
import { accessThat, gate, linkFor } from "../support/consenting-access.js";
import { checkedResponse } from "../support/responses-protocol.js";
import { responsesHosts, type StartHost } from "../support/responses-hosts.js";
import { contextOf } from "../support/test-users.js";
import { listening, type RunningHost } from "../support/listening.js";

let host: RunningHost | undefined;
afterEach(async () => {
  await host?.close();
  host = undefined;
});

function post(body: unknown, init: RequestInit = {}): Promise<Response> {
  return fetch(`${host?.url}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...init,
  });
}

/** The events of a body, which has to be exactly as Foundry's hosts write it. */
function eventsOf(text: string): ResponseEvent[] {
  expect(text.endsWith("\n\n")).toBe(true);
  return text
    .slice(0, -2)
    .split("\n\n")
    .map((block) => {
      const [, name, data] =
        /^event: (\S+)\ndata: (.*)$/.exec(block) ?? expect.fail(`not an event: ${block}`);
      const event = JSON.parse(data ?? "") as ResponseEvent;
      expect(event.type).toBe(name);
      return event;
    });
}

const previousId = `caresp_${"a1".repeat(25)}`;
const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
const stepUp = new TokenExchangeError(
  "step_up_required",
  "Entra wants more.",
  { claims },
  { category: "stepup" },
);

/** A framework that makes a text of every error. */
const swallowing: ResponsesRun = async function* () {
  yield "Let me look. ";
  await accessThat("contacts", { refusal: stepUp })
    .token()
    .catch(() => {});
  yield "I could not reach your contacts.";
};

async function expectChallenge(response: Response): Promise<void> {
  expect(response.status).toBe(401);
  expect(response.headers.get("www-authenticate")).toBe(
    `Bearer realm="", error="insufficient_claims", claims="${Buffer.from(claims).toString("base64")}"`,
  );
  expect(response.headers.get("x-platform-error-source")).toBe("user");
  expect(await response.json()).toEqual({
    error: {
      code: "step_up_required",
      message: expect.stringMatching(/^Entra wants more\. Relay the claims/),
      type: "authentication_error",
      param: null,
      additionalInfo: { claims },
    },
  });
}

const echo: ResponsesRun = async function* ({ input, request }) {
  yield `You said ${input}`;
  if (request.previousResponseId !== undefined) yield ` after ${request.previousResponseId}`;
};

describe.each(Object.entries(responsesHosts))("on %s", (name, start: StartHost) => {
  it("a turn is streamed as server-sent events, without id and without [DONE]", async () => {
    host = await start(echo);
    const response = await post({ input: "hi", stream: true });
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
    });
    const text = await response.text();
    expect(text).not.toMatch(/^id:|\[DONE\]/m);
    expect(checkedResponse(eventsOf(text))).toMatchObject({
      status: "completed",
      output: [{ content: [{ text: "You said hi" }] }],
    });
  });

  it("the events come as the run goes on, not at its end", async () => {
    const go = gate();
    host = await start(async function* () {
      yield "first";
      await go.promise;
      yield "second";
    });
    const response = await post({ input: "hi", stream: true });
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.includes('"first"')) go.open();
    }
    expect(checkedResponse(eventsOf(text)).status).toBe("completed");
  });

  it("a turn that is not streamed is answered with the finished response", async () => {
    host = await start(echo);
    const response = await post({
      input: [{ role: "user", content: [{ type: "input_text", text: "hi" }] }],
      previous_response_id: previousId,
      metadata: { a: "b" },
      model: "m",
      agent_session_id: "s-1",
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
    expect(response.headers.get("x-agent-session-id")).toBe("s-1");
    expect(await response.json()).toMatchObject({
      object: "response",
      status: "completed",
      model: "m",
      metadata: { a: "b" },
      previous_response_id: previousId,
      output: [{ content: [{ text: `You said hi after ${previousId}` }] }],
    });
  });

  it("consent ends the turn incomplete, streamed and plain", async () => {
    const contacts = accessThat("contacts");
    host = await start(async function* () {
      yield "Let me look. ";
      await contacts.token();
    });
    const item = {
      type: "oauth_consent_request",
      consent_link: linkFor("contacts"),
      server_label: "contacts",
    };
    const streamed = checkedResponse(eventsOf(await (await post({ input: "hi", stream: true })).text()));
    expect(streamed).toMatchObject({ status: "incomplete", output: [{ status: "incomplete" }, item] });
    expect(await (await post({ input: "hi" })).json()).toMatchObject({
      status: "incomplete",
      incomplete_details: null,
      output: [{ status: "incomplete" }, item],
    });
  });

  it("the run has its user wherever the host pulls it, and the context ends with the turn", async () => {
    const contexts: UserContext[] = [];
    host = await start(async function* ({ context }) {
      contexts.push(context, getUserContext());
      await new Promise((next) => setTimeout(next, 1));
      yield "a";
      contexts.push(getUserContext());
      yield "b";
    });
    for (const stream of [true, false]) {
      await (await post({ input: "hi", stream })).text();
      expect(new Set(contexts).size).toBe(1);
      await vi.waitFor(() => expect(contexts[0]?.ended).toBe(true));
      contexts.length = 0;
    }
  });

  it("a client that goes away cancels the turn", async () => {
    const signals: AbortSignal[] = [];
    const cleaned = gate();
    const contexts: UserContext[] = [];
    host = await start(async function* ({ signal, context }) {
      signals.push(signal);
      contexts.push(context);
      try {
        yield "first";
        await new Promise((_, failed) =>
          signal.addEventListener("abort", () => failed(signal.reason as Error)),
        );
      } finally {
        cleaned.open();
      }
    });
    const client = new AbortController();
    const response = await post({ input: "hi", stream: true }, { signal: client.signal });
    const reader = response.body?.getReader();
    await reader?.read();
    await vi.waitFor(() => expect(signals).toHaveLength(1));
    client.abort();
    await cleaned.promise;
    expect(signals[0]?.reason).toMatchObject({ code: "turn_cancelled" });
    await vi.waitFor(() => expect(contexts[0]?.ended).toBe(true));
  });

  it.each([
    [
      "a body that is no JSON",
      "{",
      400,
      name === "fastify" || name.includes("json()") ? undefined : "invalid_json",
    ],
    ["a list", "[]", 400, "invalid_request"],
    ["an input of another type", { input: 5 }, 400, "invalid_value"],
    ["a stream of another type", { input: "x", stream: "yes" }, 400, "invalid_value"],
    ["a background response", { input: "x", background: true }, 400, "unsupported_parameter"],
  ])("%s is refused with the error envelope", async (_, body, status, code) => {
    const run = vi.fn(echo);
    host = await start(run);
    const response = await post(body);
    expect(response.status).toBe(status);
    // Fastify and express.json() answer what they cannot parse themselves.
    if (code !== undefined) {
      expect(await response.json()).toMatchObject({
        error: { code, message: expect.any(String), type: "invalid_request_error" },
      });
      expect(response.headers.get("x-platform-error-source")).toBe("user");
    }
    expect(run).not.toHaveBeenCalled();
  });

  it("a sign-in that prepare finds to be needed is answered 401, with the claims for the next one", async () => {
    const run = vi.fn(echo);
    host = await start(run, { prepare: [accessThat("contacts", { refusal: stepUp })] });
    await expectChallenge(await post({ input: "x", stream: true }));
    expect(run).not.toHaveBeenCalled();
  });

  it("a sign-in that the run finds to be needed, and swallows, is answered 401 where nothing was sent yet", async () => {
    host = await start(swallowing);
    await expectChallenge(await post({ input: "x" }));
  });

  it("a sign-in that the run finds to be needed, and swallows, ends the stream as failed, with the claims", async () => {
    host = await start(swallowing);
    const text = await (await post({ input: "x", stream: true })).text();
    expect(checkedResponse(eventsOf(text))).toMatchObject({
      status: "failed",
      error: { code: "step_up_required", message: "Entra wants more.", additionalInfo: { claims } },
    });
  });

  it("a demand on the sign-in that is no claims request is relayed as RFC 9470 says", async () => {
    const authentication = { acrValues: ["gold", "silver"], maxAgeS: 0 };
    const refusal = new HostedAgentIdentityError("step_up_required", "More.", { authentication });
    host = await start(echo, { prepare: [accessThat("contacts", { refusal })] });
    const response = await post({ input: "x" });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe(
      'Bearer realm="", error="insufficient_user_authentication", acr_values="gold silver", max_age="0"',
    );
    expect(await response.json()).toMatchObject({
      error: { additionalInfo: { acr_values: "gold silver", max_age: 0 } },
    });
  });

  it("consent that prepare finds to be needed comes as an item, and wins over a sign-in", async () => {
    const signIn = new TokenExchangeError("sign_in_required", "again", {}, { category: "signin" });
    host = await start(echo, { prepare: [accessThat("files", { refusal: signIn }), accessThat("contacts")] });
    const response = checkedResponse(eventsOf(await (await post({ input: "x", stream: true })).text()));
    expect(response.output.map(({ server_label }) => server_label)).toEqual(["contacts"]);
  });
});

describe.each(Object.entries(responsesHosts).filter(([name]) => !/fastify|json\(\)/.test(name)))(
  "on %s, which leaves the body to us",
  (_, start) => {
    it.each([
      ["another method", { method: "PUT", body: "{}" }, 405, "method_not_allowed"],
      ["another content type", { headers: { "content-type": "text/plain" } }, 415, "unsupported_media_type"],
      [
        "a body that is too large",
        { body: JSON.stringify({ input: "x".repeat(2_000) }) },
        413,
        "request_too_large",
      ],
    ])("%s is refused", async (_name, init, status, code) => {
      host = await start(echo, { maxBodyBytes: 1_000 });
      const response = await post({ input: "x" }, init);
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ error: { code } });
      if (status === 405) expect(response.headers.get("allow")).toBe("POST");
    });

    it("a body that is too large is refused although it does not say how large it is", async () => {
      host = await start(echo, { maxBodyBytes: 100_000 });
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          for (let n = 0; n < 5; n += 1) controller.enqueue(new Uint8Array(50_000).fill(32));
          controller.close();
        },
      });
      const response = await post("", { body, duplex: "half" } as RequestInit);
      expect(response.status).toBe(413);
    });
  },
);

describe.each(Object.entries(responsesHosts).filter(([name]) => /^(express|node:http)$/.test(name)))(
  "on %s, a body that is still being sent",
  (_, start) => {
    it.each([
      ["says that it is too large", { "content-length": "5000000" }, 10],
      ["turns out to be too large", { "transfer-encoding": "chunked" }, 200_000],
    ])("and %s is refused without waiting for its end", async (_name, headers, sent) => {
      host = await start(echo, { maxBodyBytes: 100_000 });
      const sending = request(`${host.url}/responses`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
      });
      sending.on("error", () => {});
      const answer = once(sending, "response") as Promise<[IncomingMessage]>;
      sending.write(" ".repeat(sent));
      const [{ statusCode }] = await answer;
      expect(statusCode).toBe(413);
      sending.destroy();
    });
  },
);

describe("a client that goes away cancels the turn although no middleware ends its context", () => {
  const waiting: ResponsesRun = async function* (turn) {
    yield "first";
    await new Promise((_, failed) =>
      turn.signal.addEventListener("abort", () => failed(turn.signal.reason as Error)),
    );
  };
  const hosts: Record<string, (run: ResponsesRun, context: UserContext) => Promise<RunningHost>> = {
    "node:http": (run, context) => {
      const handle = nodeResponses(run);
      return listening(createServer((req, res) => runWithUserContext(context, () => void handle(req, res))));
    },
    async fastify(run, context) {
      const app = fastify();
      app.addHook("preHandler", (_request, _reply, done) => runWithUserContext(context, done));
      app.post("/responses", fastifyResponses(run));
      await app.listen({ port: 0, host: "127.0.0.1" });
      return listening(app.server);
    },
    "a web-standard host": (run, context) => {
      const handle = responses(run);
      return listening(
        serve({ fetch: (incoming) => handle(incoming, context), port: 0, hostname: "127.0.0.1" }) as Server,
      );
    },
  };

  it.each(Object.keys(hosts).flatMap((name) => [true, false].map((stream) => [name, stream] as const)))(
    "on %s, streamed: %s",
    async (name, stream) => {
      const turns: Turn[] = [];
      const begun = gate();
      host = await hosts[name]?.(async function* (turn) {
        turns.push(turn);
        begun.open();
        yield* waiting(turn);
      }, contextOf("person"));
      const client = new AbortController();
      const sent = post({ input: "x", stream }, { signal: client.signal }).catch(() => {});
      await begun.promise;
      if (stream) await sent;
      client.abort();
      await vi.waitFor(() => expect(turns[0]?.signal.reason).toMatchObject({ code: "turn_cancelled" }));
      await vi.waitFor(() => expect(turns[0]?.context.ended).toBe(true));
    },
  );

  it("by cancelling the stream it was given", async () => {
    const turns: Turn[] = [];
    const events = withConsent(
      async function* (turn) {
        turns.push(turn);
        yield "first";
        await new Promise(() => {});
      },
      { context: contextOf("person") },
    );
    const reader = toSse(events).getReader();
    for (let n = 0; n < 5; n += 1) await reader.read();
    await reader.cancel();
    expect(turns[0]?.signal.reason).toMatchObject({ code: "turn_cancelled" });
    expect(turns[0]?.context.ended).toBe(true);
  });
});

describe("the web-standard handler", () => {
  const asked = (body: unknown): Request =>
    new Request("http://127.0.0.1/responses", {
      method: "POST",
      headers: { "content-type": "application/json; charset=utf-8" },
      body: JSON.stringify(body),
    });

  it("takes a context that is given", async () => {
    const context = contextOf("person");
    const response = await responses(async function* (turn) {
      yield String(turn.context === context);
    })(asked({ input: "x" }), context);
    expect(await response.json()).toMatchObject({ output: [{ content: [{ text: "true" }] }] });
    expect(context.ended).toBe(true);
  });

  it("says what is missing when nobody is asking", async () => {
    const response = await responses(echo)(asked({ input: "x" }));
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({
      error: { code: "no_user_context", message: expect.stringContaining("userContext()") },
    });
  });

  it("takes an agent whose version is empty for one without a version", async () => {
    const reference = { type: "agent_reference", name: "helper", version: "" };
    const response = await responses(echo)(
      asked({ input: "x", agent_reference: reference }),
      contextOf("person"),
    );
    const { status, output } = (await response.json()) as { status: string; output: object[] };
    expect(status).toBe("completed");
    expect(output[0]).toHaveProperty("agent_reference", { type: "agent_reference", name: "helper" });
  });

  it("stamps the agent that the request names", async () => {
    const reference = { type: "agent_reference", name: "helper", version: "2", more: "x" };
    const response = await responses(echo)(
      asked({ input: "x", agent_reference: reference }),
      contextOf("person"),
    );
    expect(await response.json()).toMatchObject({
      model: "helper",
      output: [{ agent_reference: { type: "agent_reference", name: "helper", version: "2" } }],
    });
  });
});

it("a client of the AI SDK reads the stream of a hosted turn", async () => {
  host = await (responsesHosts["express"] as StartHost)(async function* ({ input }) {
    yield "Hello ";
    yield `you said ${input}`;
  });
  const model = createOpenAI({ apiKey: "none", baseURL: host.url }).responses("agent");
  const result = streamText({ model, prompt: "hi", onError: ({ error }) => expect.fail(String(error)) });
  expect(await result.text).toBe("Hello you said hi");
  expect(await result.finishReason).toBe("stop");
});
