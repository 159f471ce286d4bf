import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type ResponsesRun, TokenExchangeError, type UserContextOptions } from "hosted-agent-identity";
import { withConsent } from "hosted-agent-identity/turn";
import { packageVersion } from "../../src/foundry/version.js";
import { accessThat } from "../support/consenting-access.js";
import { nobodyKnown, responsesHosts, type StartHost } from "../support/responses-hosts.js";
import { contextOf } from "../support/test-users.js";
import type { RunningHost } from "../support/listening.js";

let host: RunningHost | undefined;
afterEach(async () => {
  await host?.close();
  host = undefined;
});

function post(body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(`${host?.url}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

const echo: ResponsesRun = async function* ({ input }) {
  yield `You said ${input}`;
};

const hosted: UserContextOptions = { ...nobodyKnown, environment: { hosted: true } };
const asPlatform = { "x-agent-user-id": "user-1", "x-agent-foundry-call-id": "call-1" };
const major = process.versions.node.split(".")[0];

it("the version that answers name is the package's", async () => {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  expect((JSON.parse(text) as { version: string }).version).toBe(packageVersion);
});

describe.each(Object.entries(responsesHosts))("on %s", (_, start: StartHost) => {
  it.each([
    ["a finished response", { input: "x" }, 200],
    ["a stream", { input: "x", stream: true }, 200],
    ["a refusal", { input: 5 }, 400],
  ])("%s names the request and what made it", async (_name, body, status) => {
    host = await start(echo);
    const response = await post(body, { "x-request-id": "request-of-the-caller" });
    await response.text();
    expect(response.status).toBe(status);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "x-request-id": "request-of-the-caller",
      "x-platform-server": `hosted-agent-identity/${packageVersion} (node/${major}); responses/2.0.0 (node/${major})`,
    });
  });

  it.each([
    ["is missing", {}],
    ["is endless", { "x-request-id": "x".repeat(300) }],
    ["is no id", { "x-request-id": "two words" }],
  ])("a request id that %s is replaced with a new one for each request", async (_name, headers) => {
    host = await start(echo);
    const ids: (string | null)[] = [];
    for (let n = 0; n < 2; n += 1) {
      const response = await post({ input: "x" }, headers);
      await response.text();
      ids.push(response.headers.get("x-request-id"));
    }
    expect(ids[0]).toMatch(/^[\da-f-]{36}$/);
    expect(ids[1]).toMatch(/^[\da-f-]{36}$/);
    expect(ids[0]).not.toBe(ids[1]);
  });

  it("an error says whose doing it is and its code, and nothing else", async () => {
    const signIn = new TokenExchangeError("sign_in_required", "of ada", {}, { category: "signin" });
    host = await start(echo, { prepare: [accessThat("contacts", { refusal: signIn })] });
    const response = await post({ input: "x", agent_session_id: "s-1" });
    await response.text();
    expect(response.status).toBe(401);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "x-platform-error-source": "user",
      "x-platform-error-detail": "sign_in_required",
      "x-agent-session-id": "s-1",
    });
  });

  it("a stream keeps the connection as long as HTTP/1.1 does", async () => {
    host = await start(echo);
    const response = await post({ input: "x", stream: true });
    await response.text();
    expect(response.headers.get("connection")).toBe("keep-alive");
  });

  it("a request of which the platform does not say which call it is is refused", async () => {
    const run = vi.fn(echo);
    host = await start(run, {}, hosted);
    const response = await post({ input: "x", stream: true }, { "x-agent-user-id": "user-1" });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      error: {
        code: "call_id_missing",
        type: "invalid_request_error",
        param: null,
        message: expect.stringContaining("x-agent-foundry-call-id"),
      },
    });
    expect(response.headers.get("x-platform-error-source")).toBe("platform");
    expect(response.headers.get("x-request-id")).toBeTruthy();
    expect(run).not.toHaveBeenCalled();
  });

  it("a request of which the platform does not say who is asking is refused", async () => {
    const run = vi.fn(echo);
    host = await start(run, {}, hosted);
    const response = await post({ input: "x" }, { "x-agent-foundry-call-id": "call-1" });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { code: "user_id_missing", message: expect.stringContaining("x-agent-user-id") },
    });
    expect(response.headers.get("x-platform-error-source")).toBe("platform");
    expect(run).not.toHaveBeenCalled();
  });

  it("a request of container protocol 2.0.0 is answered, and locally no header is needed", async () => {
    host = await start(echo, {}, hosted);
    expect((await post({ input: "x" }, asPlatform)).status).toBe(200);
    await host.close();
    host = await start(echo);
    expect((await post({ input: "x" })).status).toBe(200);
  });

  it("fields that a turn has no use for change nothing", async () => {
    host = await start(echo);
    const response = await post({
      input: "x",
      store: true,
      background: false,
      conversation: { id: "conv_1" },
      metadata: { a: "b" },
      include: ["message.output_text.logprobs"],
      parallel_tool_calls: true,
      truncation: null,
      something: { of: ["tomorrow"] },
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ status: "completed", metadata: { a: "b" } });
  });
});

it("a turn outside of HTTP does not depend on the protocol of containers", async () => {
  const events = withConsent(
    async function* () {
      yield "x";
    },
    { context: contextOf("person") },
  );
  const types: string[] = [];
  for await (const { type } of events) types.push(type);
  expect(types.at(-1)).toBe("response.completed");
});
