import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
  type MockInstance,
  vi,
} from "vitest";
import { type McpServerGate, type McpServerOptions, protectMcpServer } from "hosted-agent-identity/server";
import { webHandler } from "hosted-agent-identity/node";
import { startTestCloud, type TestCloud } from "../support/keys.js";
import { listening, type RunningHost } from "../support/listening.js";

const secret = "token-of-ada";
let cloud: TestCloud;
let host: RunningHost | undefined;
let warned: MockInstance<typeof process.emitWarning>;
const unheard: unknown[] = [];
const onUnheard = (reason: unknown): void => void unheard.push(reason);

beforeAll(async () => void (cloud = await startTestCloud()));
afterAll(() => cloud.close());
beforeEach(() => {
  warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  unheard.length = 0;
  process.on("unhandledRejection", onUnheard);
});
afterEach(async () => {
  await host?.close();
  host = undefined;
  await sleep(1);
  process.off("unhandledRejection", onUnheard);
  if (unheard.length > 0) throw new AggregateError(unheard, "A promise was rejected, and nobody heard it.");
});

function gateWith(options: Partial<McpServerOptions>): McpServerGate {
  const { tenantId, clientId } = cloud.app;
  const app = {
    tenantId,
    clientId,
    cloud: { loginEndpoint: cloud.origin, stsEndpoint: "https://sts.windows.net" },
  };
  return protectMcpServer({
    url: "https://contacts.example.com/mcp",
    app,
    scopes: ["access_as_user"],
    ...options,
  });
}

type Tool = () => unknown;

/** As each is written on its host. None answers anything but 200: every other answer is the gate's own. */
const hosts: Readonly<Record<string, (gate: McpServerGate, tool: Tool) => Promise<RunningHost>>> = {
  "node:http": (gate, tool) =>
    listening(
      createServer((request, response) =>
        gate.serveMetadata(request, response, () =>
          gate.middleware(request, response, async () => {
            await tool();
            response.end("reached");
          }),
        ),
      ),
    ),
  express: (gate, tool) => {
    const app = express();
    app.use(gate.serveMetadata);
    app.all("/mcp", gate.middleware, (_request, response) => {
      tool();
      response.end("reached");
    });
    return listening(createServer(app));
  },
  web: (gate, tool) => {
    const serve = webHandler((request) =>
      gate
        .fetch(request, async () => {
          await tool();
          return new Response("reached");
        })
        .catch(() => new Response(null, { status: 599 })),
    );
    return listening(createServer((request, response) => void serve(request, response)));
  },
};

const broken = (): never => {
  throw new TypeError(`"Bearer ${secret}" is an invalid header value.`);
};

/** How a callback of the server's own fails. */
const failures: Readonly<Record<string, () => never>> = {
  "throws an error": broken,
  "throws what is no error": () => {
    throw secret as unknown;
  },
  rejects: (() => Promise.reject(new TypeError(secret))) as unknown as () => never,
  "gives what is no demand": (() => ({ scopes: secret })) as unknown as () => never,
};

const internalError = { jsonrpc: "2.0", error: { code: -32603, message: "Internal error" }, id: null };

async function call(token: string): Promise<Response> {
  return fetch(`${host?.url}/mcp`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "wipe" } }),
  });
}

describe.each(Object.entries(hosts))("a gate on %s", (_name, start) => {
  test.each(Object.entries(failures))("lets nothing pass when demand %s", async (_how, demand) => {
    const tool = vi.fn();
    host = await start(gateWith({ demand }), tool);
    const answer = await call(await cloud.token());
    const text = await answer.text();
    expect([answer.status, tool.mock.calls.length]).toEqual([500, 0]);
    expect(JSON.parse(text)).toEqual(internalError);
    expect(warned).toHaveBeenCalledOnce();
    expect(String(warned.mock.calls[0]?.[0])).toMatch(/^protectMcpServer\(\) failed: /);
    expect(text + String(warned.mock.calls)).not.toContain(secret);
  });

  test("lets nothing pass when the clock throws", async () => {
    const tool = vi.fn();
    // It has to work for as long as the gate is made.
    let now = (): number => Date.now();
    host = await start(gateWith({ now: () => now() }), tool);
    now = broken;
    const answer = await call(await cloud.token());
    expect([answer.status, tool.mock.calls.length]).toEqual([500, 0]);
    expect((await answer.text()) + String(warned.mock.calls)).not.toContain(secret);
  });

  test("lets nothing pass while the network below throws", async () => {
    const tool = vi.fn();
    host = await start(gateWith({ fetch: broken }), tool);
    const answer = await call(await cloud.token());
    expect([answer.status, tool.mock.calls.length]).toEqual([503, 0]);
    expect((await answer.text()) + String(warned.mock.calls)).not.toContain(secret);
  });

  test.each(Object.entries(failures))(
    "lets through and refuses as ever when onEvent %s",
    async (_how, onEvent) => {
      host = await start(gateWith({ onEvent }), () => {});
      expect(await (await call(await cloud.token())).text()).toBe("reached");
      expect((await call(await cloud.token({ aud: "api://other" }))).status).toBe(401);
    },
  );

  test("does not let a call pass that breaks off in its body", async () => {
    const tool = vi.fn();
    host = await start(gateWith({}), tool);
    const authorization = `Bearer ${await cloud.token()}`;
    const headers = { authorization, "content-length": "1000", expect: "100-continue" };
    const sent = httpRequest(`${host.url}/mcp`, { method: "POST", headers });
    await once(sent, "continue");
    sent.on("error", () => {}).write('{"jsonrpc":"2.0",');
    sent.destroy();
    expect((await call(await cloud.token())).status).toBe(200);
    expect(tool).toHaveBeenCalledOnce();
    expect(warned).not.toHaveBeenCalled();
  });
});

describe("a gate on node:http", () => {
  const start = (tool: Tool): Promise<RunningHost> => hosts["node:http"]!(gateWith({}), tool);

  test.each([
    ["throws", broken],
    ["rejects", () => Promise.reject(new Error(secret))],
  ])("answers 500 for a handler behind it that %s", async (_how, tool) => {
    host = await start(tool);
    const answer = await call(await cloud.token());
    expect([answer.status, await answer.json()]).toEqual([500, internalError]);
    expect(String(warned.mock.calls)).not.toContain(secret);
  });

  test("ends a response that a handler behind it has begun", async () => {
    const gate = gateWith({});
    host = await listening(
      createServer((request, response) =>
        gate.middleware(request, response, async () => {
          response.writeHead(200).write("half");
          await broken();
        }),
      ),
    );
    await expect((async () => (await call(await cloud.token())).text())()).rejects.toThrow(
      /terminated|fetch failed/,
    );
  });

  test("leaves a response alone that somebody in front has ended", async () => {
    const gate = gateWith({});
    const settled: boolean[] = [];
    host = await listening(
      createServer((request, response) => {
        response.writeHead(418).end("teapot");
        for (const serve of [gate.middleware, gate.serveMetadata])
          serve(request, response, () => void settled.push(true));
      }),
    );
    expect((await call("no-token")).status).toBe(418);
    const metadata = await fetch(`${host.url}/.well-known/oauth-protected-resource/mcp`);
    expect(metadata.status).toBe(418);
  });
});
