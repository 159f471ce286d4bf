import { createServer, type RequestListener } from "node:http";
import { createMCPClient } from "@ai-sdk/mcp";
import { Client as ClientV2, SSEClientTransport as SSEClientTransportV2 } from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import {
  isHostedAgentIdentityError,
  mcpClientPool,
  runWithUserContext,
  type UserAccess,
} from "hosted-agent-identity";
import { testUserContext } from "hosted-agent-identity/testing";
import { afterEach, expect, it, vi } from "vitest";
import { accessTo, startElicitingServer } from "../support/eliciting-server.js";
import { listening } from "../support/listening.js";
import { openClient } from "../support/mcp-clients.js";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function started(listener: RequestListener): Promise<string> {
  const host = await listening(createServer(listener));
  closers.push(host.close);
  return host.url;
}

/** SDK v1's own server of the older transport, which answers a POST to its stream's address with this status. */
async function startLegacy(status: number): Promise<{ url: string; gets: () => number }> {
  const transports = new Map<string, SSEServerTransport>();
  let gets = 0;
  const url = await started((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
    if (request.method === "GET" && pathname === "/mcp/sse") {
      gets += 1;
      const transport = new SSEServerTransport("/mcp/messages", response);
      transports.set(transport.sessionId, transport);
      const server = new McpServer({ name: "legacy", version: "1.0.0" });
      const { authorization = "" } = request.headers;
      server.registerTool("whoami", {}, () => ({ content: [{ type: "text", text: authorization }] }));
      return void server.connect(transport);
    }
    if (request.method === "POST" && pathname === "/mcp/messages")
      return void transports.get(searchParams.get("sessionId") ?? "")?.handlePostMessage(request, response);
    response.writeHead(status).end();
  });
  return { url: `${url}/mcp`, gets: () => gets };
}

/** The error of this package in an error of a client, or the error itself. */
function ownIn(error: unknown): unknown {
  for (let one = error; one instanceof Error; one = one.cause)
    if (isHostedAgentIdentityError(one)) return one;
  return error;
}

it.each([
  ["v1", 404],
  ["v2-legacy", 405],
  ["v2-modern", 404],
] as const)(
  "a client of Streamable HTTP (%s) learns what a server speaks that answers %i",
  async (kind, status) => {
    const server = await startLegacy(status);
    const access = accessTo(`${server.url}/sse`);
    closers.push(access.close);
    const failure = await runWithUserContext(testUserContext(), () =>
      openClient(kind, access.url, { fetch: access.fetch }).catch((error: unknown) => error),
    );
    expect(ownIn(failure)).toMatchObject({
      code: "legacy_transport",
      message: '"gateway" speaks only the older HTTP+SSE transport at this address.',
      help: expect.stringContaining("SSEClientTransport"),
    });
    expect(server.gets()).toBe(1);
  },
);

interface Closable {
  close(): Promise<void>;
}

/** Clients of the older transport. */
const olderClients: Record<string, (url: string, fetch: UserAccess["fetch"]) => Promise<Closable>> = {
  "SDK v1": async (url, fetch) => {
    const client = new ClientV1({ name: "tests", version: "1.0.0" });
    await client.connect(new SSEClientTransport(new URL(url), { fetch }));
    return client;
  },
  "SDK v2": async (url, fetch) => {
    const client = new ClientV2({ name: "tests", version: "1.0.0" });
    await client.connect(new SSEClientTransportV2(new URL(url), { fetch }));
    return client;
  },
  "AI SDK": (url, fetch) =>
    createMCPClient({ transport: { type: "sse", url, fetch: fetch as typeof globalThis.fetch } }),
};

it.each(Object.entries(olderClients))(
  "a pool refuses a client of the older transport: %s",
  async (_, open) => {
    const server = await startLegacy(404);
    const access = accessTo(server.url);
    const pool = mcpClientPool({
      open: () => open(`${server.url}/sse`, access.fetch),
      close: (one) => one.close(),
    });
    closers.push(access.close, pool.close);
    const began = performance.now();
    const failure = await runWithUserContext(testUserContext(), () => pool.use(() => "open")).catch(
      (e: unknown) => e,
    );
    expect(failure).toMatchObject({ code: "legacy_transport" });
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(pool.size).toBe(0);
  },
);

it.each(["AI SDK", "v1", "v2-legacy"] as const)(
  "a pool opens a client of today's (%s) where the server has both transports at one address",
  async (kind) => {
    const server = await startElicitingServer();
    let gets = 0;
    server.onGet = (response) => {
      gets += 1;
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("event: endpoint\ndata: /messages?sessionId=1\n\n");
    };
    const access = accessTo(server.url);
    const open = async (): Promise<Closable> => {
      const client: Closable =
        kind === "AI SDK"
          ? await createMCPClient({
              transport: {
                type: "http",
                url: access.url.href,
                fetch: access.fetch as typeof globalThis.fetch,
              },
            })
          : await openClient(kind, access.url, { fetch: access.fetch });
      await vi.waitFor(() => expect(gets).toBeGreaterThan(0));
      // Longer than the pool waits for a client to post something.
      await new Promise((resolve) => setTimeout(resolve, 700));
      return client;
    };
    const pool = mcpClientPool({ open, close: (one) => one.close() });
    closers.push(server.close, access.close, pool.close);
    expect(await runWithUserContext(testUserContext(), () => pool.use(() => "open"))).toBe("open");
    expect(pool.size).toBe(1);
  },
);

it("a client of the older transport for each turn works, with a resource above both addresses", async () => {
  const server = await startLegacy(404);
  const access = accessTo(server.url, undefined, { standaloneStream: "allow" });
  closers.push(access.close);
  for (const oid of ["ada", "bob", "ada"]) {
    const context = testUserContext({ oid });
    await runWithUserContext(context, async () => {
      const client = new ClientV1({ name: "tests", version: "1.0.0" });
      await client.connect(new SSEClientTransport(new URL(`${server.url}/sse`), { fetch: access.fetch }));
      expect(await client.callTool({ name: "whoami", arguments: {} })).toMatchObject({
        content: [{ text: `Bearer token-of-${oid}` }],
      });
      await client.close();
    });
    context.end();
  }
});

it.each<[string, RequestListener, number]>([
  ["is not there", (_, response) => void response.writeHead(404).end(), 404],
  [
    "streams something else",
    (request, response) => {
      if (request.method === "POST") return void response.writeHead(405).end();
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("event: message\ndata: event: endpoint\n\n");
    },
    405,
  ],
  [
    "has a page that says so",
    (request, response) => {
      response.writeHead(request.method === "POST" ? 404 : 200, { "content-type": "text/html" });
      response.end("event: endpoint\n\n");
    },
    404,
  ],
  [
    "never says what it speaks",
    (request, response) => {
      if (request.method === "POST") return void response.writeHead(404).end();
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    },
    404,
  ],
  [
    "hangs up",
    (request, response) => {
      if (request.method === "POST") return void response.writeHead(404).end();
      request.socket.destroy();
    },
    404,
  ],
])("a server that %s is passed on as it answered", async (_, listener, status) => {
  const access = accessTo(`${await started(listener)}/mcp`);
  closers.push(access.close);
  const init = { method: "POST", body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize" }) };
  const answer = await runWithUserContext(testUserContext(), () => access.fetch(access.url, init));
  expect(answer.status).toBe(status);
});

it("nothing is asked after any other request that is refused", async () => {
  const seen: string[] = [];
  const url = await started((request, response) => {
    seen.push(request.method ?? "");
    response.writeHead(request.url === "/mcp/broken" ? 500 : 404).end();
  });
  const access = accessTo(`${url}/mcp`);
  closers.push(access.close);
  const rpc = (method: string): string => JSON.stringify({ jsonrpc: "2.0", id: 1, method });
  await runWithUserContext(testUserContext(), async () => {
    await access.fetch(access.url, { method: "POST", body: rpc("tools/list") });
    await access.fetch(access.url, { method: "POST", body: new TextEncoder().encode(rpc("initialize")) });
    await access.fetch(`${url}/mcp/broken`, { method: "POST", body: rpc("initialize") });
    await access.fetch(access.url, { method: "DELETE" });
  });
  expect(seen).toEqual(["POST", "POST", "POST", "DELETE"]);
});
