import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { z } from "zod";

export interface TalkingServerOptions {
  whose(token: string): string | undefined;
  /** How long the server waits for an answer to its own requests, in milliseconds. Default 5000. */
  patienceMs?: number;
  /** Answers calls with JSON, not with an event stream. */
  json?: boolean;
}

/**
 * A server of the real SDK v1 with one session for each client. Its tools ask in the usual way, with
 * `server.server.elicitInput()` and the like: that request is sent on the stream that the client holds open.
 */
export interface TalkingServer {
  readonly url: string;
  /** Each request: method, JSON-RPC method or kind of answer, and the user of its token. */
  readonly seen: { readonly http: string; readonly rpc: string; readonly caller: string | undefined }[];
  readonly sessions: ReadonlyMap<string, { readonly caller: string; readonly server: McpServer }>;
  /** How many streams are open on which the server can talk, by user. */
  streams(caller: string): number;
  /** Ends every such stream as a network would. */
  cut(): void;
  close(): Promise<void>;
}

export async function startTalkingServer({
  whose,
  patienceMs = 5000,
  json = false,
}: TalkingServerOptions): Promise<TalkingServer> {
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const sessions = new Map<string, { caller: string; server: McpServer }>();
  const seen: { http: string; rpc: string; caller: string | undefined }[] = [];
  const open = new Map<ServerResponse, string>();

  const newSession = async (caller: string): Promise<StreamableHTTPServerTransport> => {
    const server = talking(caller, patienceMs);
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      enableJsonResponse: json,
      onsessioninitialized(id) {
        transports.set(id, transport);
        sessions.set(id, { caller, server });
      },
      onsessionclosed(id) {
        transports.delete(id);
        sessions.delete(id);
      },
    });
    await server.connect(transport as Parameters<McpServer["connect"]>[0]);
    return transport;
  };

  const http = createServer((request, response) => {
    void (async () => {
      const caller = whose(/^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "");
      const body = await bodyOf(request);
      seen.push({ http: request.method ?? "", rpc: rpcOf(body), caller });
      if (caller === undefined) return response.writeHead(401).end();
      const id = String(request.headers["mcp-session-id"] ?? "");
      const owner = sessions.get(id)?.caller ?? caller;
      if (owner !== caller) return response.writeHead(403).end();
      if (request.method === "GET") {
        open.set(response, caller);
        response.on("close", () => open.delete(response));
      }
      const transport = transports.get(id) ?? (id === "" ? await newSession(caller) : undefined);
      if (transport === undefined) return response.writeHead(404).end();
      return transport.handleRequest(request, response, body);
    })();
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    seen,
    sessions,
    streams: (caller) => [...open.values()].filter((one) => one === caller).length,
    cut() {
      for (const response of open.keys()) response.destroy();
    },
    async close() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

/** Every answer names the user of the session, and what the client has answered. */
function talking(caller: string, timeout: number): McpServer {
  const server = new McpServer(
    { name: "talking", version: "1.0.0" },
    { capabilities: { tools: { listChanged: true }, logging: {} } },
  );
  const text = (value: unknown): { content: { type: "text"; text: string }[] } => ({
    content: [{ type: "text", text: JSON.stringify({ caller, value }) }],
  });
  const { server: protocol } = server;
  const note = { note: z.string().default("") };
  server.registerTool("ask", { inputSchema: note }, async ({ note: message }) =>
    text(
      await protocol.elicitInput(
        { message: `${caller} ${message}`, requestedSchema: { type: "object", properties: {} } },
        { timeout },
      ),
    ),
  );
  server.registerTool("think", { inputSchema: note }, async ({ note: words }) =>
    text(
      await protocol.createMessage(
        { messages: [{ role: "user", content: { type: "text", text: `${caller} ${words}` } }], maxTokens: 5 },
        { timeout },
      ),
    ),
  );
  server.registerTool("roots", {}, async () => text(await protocol.listRoots(undefined, { timeout })));
  server.registerTool("ping", {}, async () => text(await protocol.ping()));
  server.registerTool("log", { inputSchema: note }, async ({ note: data }) => {
    await protocol.sendLoggingMessage({ level: "info", data: { caller, note: data } });
    // It goes another way than the answer, which must not overtake it.
    await new Promise((resolve) => setTimeout(resolve, 500));
    return text("logged");
  });
  server.registerTool("note", { inputSchema: note }, async ({ note: data }) => {
    await protocol.sendLoggingMessage({ level: "info", data: { caller, note: data } });
    return text("noted");
  });
  server.registerTool("echo", { inputSchema: note }, async ({ note: data }) => text(data));
  server.registerTool("wait", { inputSchema: { ms: z.number() } }, async ({ ms }) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return text("waited");
  });
  return server;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
}

function rpcOf(body: unknown): string {
  const { method, error, result } = Object(body) as { method?: string; error?: unknown; result?: unknown };
  return method ?? (error === undefined ? (result === undefined ? "" : "result") : "error");
}
