import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createMCPClient } from "@ai-sdk/mcp";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  passthrough,
  protectedResource,
  runWithUserContext,
  userAccess,
  type UserAccess,
  type UserContext,
} from "hosted-agent-identity";
import { internalsOf } from "../../src/context/user-context.js";
import { callsInFlight, toolCallsOf } from "../../src/context/internals.js";
import { listening } from "../support/listening.js";
import { openClient, whoami, type ClientKind } from "../support/mcp-clients.js";
import { startMcpServer } from "../support/mcp-servers.js";
import { contextFor, mcpApp } from "../support/people.js";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let handler: Handler;
let url: string;
let close: () => Promise<void>;

beforeEach(async () => {
  const host = await listening(createServer((request, response) => handler(request, response)));
  ({ url, close } = host);
});
afterEach(() => close());

function access(at = `${url}/mcp`): UserAccess {
  const scopes = [`api://${mcpApp}/access_as_user`];
  return userAccess(protectedResource({ url: at, serverLabel: "notes", scopes, audiences: [mcpApp] }), [
    passthrough(),
  ]);
}

const caller = (): UserContext => contextFor({}, "resource");
const message = (name: unknown, method = "tools/call"): unknown => ({
  jsonrpc: "2.0",
  id: 1,
  method,
  params: { name, arguments: {} },
});
const calling = (...names: unknown[]): RequestInit => ({
  method: "POST",
  body: JSON.stringify(names.length === 1 ? message(names[0]) : names.map((name) => message(name))),
});
const send = (context: UserContext, init: RequestInit): Promise<Response> => {
  const notes = access();
  return runWithUserContext(context, () => notes.fetch(notes.url, init));
};
const states = (context: UserContext): string[] =>
  toolCallsOf(context).map(({ name, state }) => `${name} ${state}`);
const json: Handler = (_request, response) => void response.end("{}");

describe("a tool call", () => {
  it.each([
    [
      "v1 and v2 of the SDK",
      { method: "tools/call", params: { name: "who.am-i", arguments: {} }, jsonrpc: "2.0", id: 7 },
    ],
    ["a name alone", { jsonrpc: "2.0", id: "a-1", method: "tools/call", params: { name: "who.am-i" } }],
    ["another order", { params: { arguments: { name: "other" }, name: "who.am-i" }, method: "tools/call" }],
    ["more before the name", { method: "tools/call", params: { _meta: {}, name: "who.am-i" } }],
  ])("is known by its name, as written by %s", async (_, body) => {
    const context = caller();
    handler = json;
    await send(context, { method: "POST", body: JSON.stringify(body) });
    expect(states(context)).toEqual(["who.am-i answered"]);
  });

  it.each([
    ["a name with an escape", { method: "tools/call", params: { name: 'a"b' } }, ['a"b answered']],
    ["a name of another type", { method: "tools/call", params: { name: 5 } }, []],
    ["another method", { method: "tools/list", params: { name: "whoami" } }, []],
    ["a call that is only quoted", { method: "notify", params: { text: '"method":"tools/call"' } }, []],
  ])("and %s is read to its end", async (_, body, known) => {
    const context = caller();
    handler = json;
    await send(context, { method: "POST", body: JSON.stringify(body) });
    expect(states(context)).toEqual(known);
  });

  it("is under way until its answer has come", async () => {
    const context = caller();
    const waiting: ServerResponse[] = [];
    handler = (_request, response) => void waiting.push(response);
    const sent = send(context, calling("save_note"));
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    expect(toolCallsOf(context)).toEqual([{ serverLabel: "notes", name: "save_note", state: "under_way" }]);
    const [flight] = callsInFlight(context);
    waiting[0]?.end("{}");
    await Promise.all([sent, flight]);
    expect([states(context), callsInFlight(context)]).toEqual([["save_note answered"], []]);
  });

  it("that is answered in an event stream is under way until the stream has ended", async () => {
    const context = caller();
    let end = (): void => {};
    handler = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).write(": hello\n\n");
      end = () => void response.end(`data: ${JSON.stringify({ jsonrpc: "2.0", id: 1, result: {} })}\n\n`);
    };
    const response = await send(context, calling("save_note"));
    expect([states(context), callsInFlight(context).length]).toEqual([["save_note under_way"], 1]);
    const read = response.text();
    end();
    await Promise.all([read, ...callsInFlight(context)]);
    expect(states(context)).toEqual(["save_note answered"]);
  });

  it.each([
    ["is cancelled", (response: Response) => response.body?.cancel()],
    ["goes through a pipe that is cancelled", cancelPipe],
    ["is read by iteration", readAll],
  ])("is no longer in flight when its stream %s", async (_how, finish) => {
    const context = caller();
    handler = (_request, response) =>
      void response.writeHead(200, { "content-type": "text/event-stream" }).end("data: {}\n\n");
    await finish(await send(context, calling("save_note")));
    await Promise.all(callsInFlight(context));
    expect(callsInFlight(context)).toEqual([]);
  });

  it("whose stream breaks off has failed, and its server could not be reached", async () => {
    const context = caller();
    handler = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: {", () => response.destroy());
    };
    const response = await send(context, calling("save_note"));
    const { error, ...rest } = JSON.parse((await response.text()).replace("data: ", "")) as {
      error: { code: number; message: string; data: unknown };
    };
    expect(rest).toEqual({ jsonrpc: "2.0", id: 1 });
    expect([error.code, error.data]).toEqual([-32000, { code: "mcp_server_unreachable" }]);
    expect(error.message).toContain('The connection to the MCP server "notes" broke off');
    await Promise.all(callsInFlight(context));
    // The end of the stream that the client reads is noticed a little later, and is no answer.
    await new Promise((done) => setTimeout(done, 50));
    expect(states(context)).toEqual(["save_note failed"]);
    expect([...internalsOf(context).serverTroubles.keys()]).toEqual(["notes"]);
  });

  it.each([400, 401, 404, 502])("that is answered %i has failed", async (status) => {
    const context = caller();
    handler = (_request, response) => void response.writeHead(status).end();
    await send(context, calling("save_note")).catch(() => {});
    expect([states(context), callsInFlight(context)]).toEqual([["save_note failed"], []]);
  });

  it("that gets no answer has failed", async () => {
    const context = caller();
    handler = (_request, response) => void response.destroy();
    await expect(send(context, calling("save_note"))).rejects.toThrow(TypeError);
    expect([states(context), callsInFlight(context)]).toEqual([["save_note failed"], []]);
  });

  it("that its caller gave up may go on at the server: it stays under way, and nothing waits for it", async () => {
    const context = caller();
    handler = () => {};
    const controller = new AbortController();
    const sent = send(context, { ...calling("save_note"), signal: controller.signal });
    await vi.waitFor(() => expect(callsInFlight(context)).toHaveLength(1));
    controller.abort();
    await expect(sent).rejects.toMatchObject({ name: "AbortError" });
    expect([states(context), callsInFlight(context)]).toEqual([["save_note under_way"], []]);
  });

  it("that was never sent is not recorded: the user has no token for the server", async () => {
    const context = contextFor();
    await expect(send(context, calling("save_note"))).rejects.toMatchObject({ code: "no_token" });
    expect(toolCallsOf(context)).toEqual([]);
  });

  it("is recorded once, although it is sent a second time after a 401", async () => {
    const context = caller();
    let refused = false;
    handler = (_request, response) => {
      response.writeHead(refused ? 200 : 401).end("{}");
      refused = true;
    };
    const notes = userAccess(access().resource, [
      { ...passthrough(), acquire: async () => ({ status: "token", token: newToken() }) },
    ]);
    await runWithUserContext(context, () => notes.fetch(notes.url, calling("save_note")));
    expect(states(context)).toEqual(["save_note answered"]);
  });
});

describe("what is recorded", () => {
  beforeEach(() => {
    handler = json;
  });

  it("each call of a batch", async () => {
    const context = caller();
    await send(context, calling("one", "two"));
    expect(states(context)).toEqual(["one answered", "two answered"]);
  });

  it("the last 200 calls, and 200 characters of a name", async () => {
    const context = caller();
    await send(context, calling("x".repeat(10_000)));
    expect(toolCallsOf(context)[0]?.name).toBe("x".repeat(200));
    await send(context, calling(...Array.from({ length: 150 }, (_, at) => `a${at}`)));
    await send(context, calling(...Array.from({ length: 150 }, (_, at) => `b${at}`)));
    const names = toolCallsOf(context).map(({ name }) => name);
    expect([names.length, names[0], names.at(-1)]).toEqual([200, "a100", "b149"]);
    await send(context, calling(...Array.from({ length: 300 }, (_, at) => `c${at}`)));
    expect(toolCallsOf(context)).toHaveLength(200);
  });

  it.each<[string, RequestInit]>([
    ["another method that names it", { method: "POST", body: JSON.stringify(message('"tools/call"', "x")) }],
    ["a call without a name", calling(undefined)],
    ["a name that is none", calling({ a: 1 })],
    ["no JSON", { method: "POST", body: '{"method":"tools/call"' }],
    ["JSON that is no message", { method: "POST", body: '"tools/call"' }],
    ["nobody in a batch", { method: "POST", body: '[null,5,"tools/call",{"params":null}]' }],
    ["more than 1 MiB", calling(" ".repeat(1_048_576))],
    ["bytes", { method: "POST", body: Buffer.from(JSON.stringify(message("save_note"))) }],
    ["another verb", { ...calling("save_note"), method: "PUT" }],
  ])("not %s", async (_what, init) => {
    const context = caller();
    expect((await send(context, init)).status).toBe(200);
    expect([toolCallsOf(context), callsInFlight(context)]).toEqual([[], []]);
  });

  it.each<[string, ClientKind, Parameters<typeof startMcpServer>[0]["kind"]]>([
    ["SDK v1 in a session", "v1", "v1-sessions"],
    ["SDK v1 without one", "v1", "v1-stateless"],
    ["SDK v2, era of 2025", "v2-legacy", "v1-sessions"],
    ["SDK v2", "v2-modern", "v2"],
  ])("the calls of %s", async (_what, client, kind) => {
    const server = await startMcpServer({ kind, whose: () => "ada" });
    const context = caller();
    await runWithUserContext(context, async () => {
      const notes = access(server.url);
      const opened = await openClient(client, notes.url, { fetch: notes.fetch });
      await Promise.all([whoami(opened), whoami(opened, "m")]);
      await Promise.all(callsInFlight(context));
      expect(states(context)).toEqual(["whoami answered", "whoami answered"]);
      await opened.close();
    });
    await server.close();
  });

  it("the calls of AI SDK", async () => {
    const server = await startMcpServer({ kind: "v1-sessions", whose: () => "ada" });
    const context = caller();
    await runWithUserContext(context, async () => {
      const { url, fetch } = access(server.url);
      const client = await createMCPClient({ transport: { type: "http", url: url.href, fetch } });
      const { whoami: tool } = await client.tools();
      await tool?.execute({ nonce: "n" }, { toolCallId: "1", messages: [] });
      await Promise.all(callsInFlight(context));
      expect(states(context)).toEqual(["whoami answered"]);
      await client.close();
    });
    await server.close();
  });
});

async function cancelPipe(response: Response): Promise<void> {
  await response.body?.pipeThrough(new TextDecoderStream()).cancel();
}

async function readAll(response: Response): Promise<void> {
  for await (const chunk of response.body ?? []) expect(chunk.length).toBeGreaterThan(0);
}

let made = 0;
function newToken(): { token: string; expiresAt: number; source: string } {
  return { token: `token-${(made += 1)}`, expiresAt: Date.now() + 3_600_000, source: "passthrough" };
}
