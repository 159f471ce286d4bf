import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createMCPClient } from "@ai-sdk/mcp";
import { loadMcpTools } from "@langchain/mcp-adapters";
import { InMemoryEventStore } from "@modelcontextprotocol/sdk/examples/shared/inMemoryEventStore.js";
import type { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { MCPServerStreamableHttp } from "@openai/agents";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  runWithUserContext,
  type UserAccess,
  type UserAccessOptions,
  type UserContext,
} from "hosted-agent-identity";
import { internalsOf } from "../../src/context/user-context.js";
import { gate } from "../support/consenting-access.js";
import { accessTo } from "../support/eliciting-server.js";
import { openClient } from "../support/mcp-clients.js";
import { contextOf } from "../support/test-users.js";

interface SlowServer {
  readonly url: string;
  /** Lets the tool end. */
  finish(): void;
  /** Resets every connection. The server goes on. */
  cut(): void;
  readonly requests: readonly string[];
  readonly http: Server;
}

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** SDK v1's own server with a tool that ends when it is told to. */
async function slowServer({ numbered = false } = {}): Promise<SlowServer> {
  const finished = gate();
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const requests: string[] = [];
  const http = createServer((request, response) => {
    void (async () => {
      const body = request.method === "POST" ? await bodyOf(request) : undefined;
      const { method } = Object(body) as { method?: string };
      requests.push(`${request.method} ${method ?? request.headers["last-event-id"] !== undefined}`);
      const id = String(request.headers["mcp-session-id"]);
      const transport = transports.get(id) ?? (await opened());
      await transport.handleRequest(request, response, body);
    })();
  });
  async function opened(): Promise<StreamableHTTPServerTransport> {
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void transports.set(id, transport),
      eventStore: numbered ? new InMemoryEventStore() : undefined,
    });
    const server = new McpServer({ name: "slow", version: "1.0.0" });
    server.registerTool("slow", { description: "slow" }, async () => {
      await finished.promise;
      return { content: [{ type: "text", text: "it is done" }] };
    });
    await server.connect(transport);
    return transport;
  }
  await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
  stops.push(() => {
    http.closeAllConnections();
    http.close();
  });
  const { port } = http.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    finish: () => finished.open(),
    cut: () => http.closeAllConnections(),
    requests,
    http,
  };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString());
}

type Called = (access: UserAccess) => Promise<() => Promise<unknown>>;

/** What calls the tool, with each framework's own client. */
const clients: Readonly<Record<string, Called>> = {
  "MCP SDK v1": async ({ url, fetch }) => {
    const client = await openClient("v1", url, { fetch });
    stops.push(() => client.close());
    return () => client.callTool({ name: "slow", arguments: {} });
  },
  "MCP SDK v2": async ({ url, fetch }) => {
    const client = await openClient("v2-legacy", url, { fetch });
    stops.push(() => client.close());
    return () => client.callTool({ name: "slow", arguments: {} });
  },
  "AI SDK": async ({ url, fetch }) => {
    const client = await createMCPClient({ transport: { type: "http", url: url.href, fetch } });
    stops.push(() => client.close());
    const { slow } = await client.tools();
    return async () => slow?.execute({}, { toolCallId: "1", messages: [] });
  },
  "OpenAI Agents": async ({ url, fetch }) => {
    const server = new MCPServerStreamableHttp({ url: url.href, name: "slow", fetch });
    await server.connect();
    stops.push(() => server.close());
    return () => server.callTool("slow", {});
  },
  LangChain: async ({ url, fetch }) => {
    const client = (await openClient("v1", url, { fetch })) as ClientV1;
    stops.push(() => client.close());
    const [slow] = await loadMcpTools("slow", client);
    return () => slow!.invoke({}) as Promise<unknown>;
  },
};

/** An access, and what tells when the answer to the call has begun. */
function access(url: string, options: UserAccessOptions = {}) {
  const begun = gate();
  const made = accessTo(url, undefined, {
    fetch: async (input, init) => {
      const response = await fetch(input as string, init);
      if (String(init?.body).includes("tools/call")) begun.open();
      return response;
    },
    ...options,
  });
  stops.push(() => made.close());
  return { made, begun: begun.promise };
}
const errorOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    (answer) => expect.fail(`nothing was thrown: ${JSON.stringify(answer)}`),
    (error: Error) => error.message,
  );
const stateOf = (context: UserContext) => {
  const { toolCalls, serverTroubles } = internalsOf(context);
  return [toolCalls.map(({ state }) => state), [...serverTroubles.values()].map(({ kind }) => kind)];
};

describe.each(Object.keys(clients))("a tool that %s calls, and whose connection is cut", (name) => {
  test("ends in an error that says so, within five seconds", { timeout: 5000 }, async () => {
    const server = await slowServer();
    const context = contextOf("ana");
    await runWithUserContext(context, async () => {
      const { made, begun } = access(server.url);
      const call = await clients[name]!(made);
      const message = errorOf(call());
      await begun;
      server.cut();
      expect(await message).toContain('The connection to the MCP server "gateway" broke off');
    });
    expect(stateOf(context)).toEqual([["failed"], ["unreachable"]]);
  });

  test("answers all the same, if the server numbers its events", async () => {
    const server = await slowServer({ numbered: true });
    const context = contextOf("ana");
    await runWithUserContext(context, async () => {
      const { made, begun } = access(server.url);
      const call = await clients[name]!(made);
      const answer = call();
      await begun;
      server.cut();
      server.finish();
      expect(JSON.stringify(await answer)).toContain("it is done");
    });
    expect(server.requests.filter((request) => request === "POST tools/call")).toHaveLength(1);
    await vi.waitFor(() => expect(stateOf(context)).toEqual([["answered"], []]));
  });
});

describe("a numbered stream", () => {
  test("ends in an error when the server does not come back", { timeout: 15_000 }, async () => {
    const server = await slowServer({ numbered: true });
    await runWithUserContext(contextOf("ana"), async () => {
      const { made, begun } = access(server.url);
      const call = await clients["AI SDK"]!(made);
      const message = errorOf(call());
      await begun;
      server.http.close();
      server.cut();
      expect(await message).toContain("broke off");
    });
  });
});
