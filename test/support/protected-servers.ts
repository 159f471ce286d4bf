import { randomUUID } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import { createMcpExpressApp } from "@modelcontextprotocol/express";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { McpServer as McpServerV1 } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { createMcpHandler, McpServer as McpServerV2 } from "@modelcontextprotocol/server";
import express from "express";
import { webHandler } from "hosted-agent-identity/express";
import { callerOf, type EntraAuthInfo, type McpServerGate } from "hosted-agent-identity/server";
import { listening } from "./listening.js";

/** Which SDK, on what: a session of SDK v1, one server a request, SDK v2 on Express, plain Node and as a fetch handler. */
export type ServerKind = "v1-sessions" | "v1-stateless" | "v2-express" | "v2-node" | "v2-fetch";

export interface ProtectedServer {
  readonly url: string;
  readonly gate: McpServerGate;
  /** Tools that were called, and by whom: what came past the gate. */
  readonly calls: { readonly tool: string; readonly caller: string }[];
  close(): Promise<void>;
}

/** Tools of a test's own, by name. What they return is the text of their result. */
export type MoreTools = Readonly<Record<string, () => Promise<string>>>;

/** A real MCP server behind a gate, with the tools `whoami` and `delete_contact`. */
export async function startProtectedServer(
  kind: ServerKind,
  gateFor: (url: string) => McpServerGate,
  more: MoreTools = {},
): Promise<ProtectedServer> {
  const calls: { tool: string; caller: string }[] = [];
  let listener: RequestListener | undefined;
  const server = createServer((request, response) => listener?.(request, response));
  const host = await listening(server);
  const url = `${host.url}/mcp`;
  const gate = gateFor(url);
  const called: Called = async (tool, authInfo) => {
    const caller = callerOf(authInfo).oid;
    calls.push({ tool, caller });
    const text = await more[tool]?.();
    return { content: [{ type: "text", text: text ?? JSON.stringify({ tool, caller }) }] };
  };
  const names = ["whoami", "delete_contact", ...Object.keys(more)];
  const [v1, v2] = [() => serverV1(names, called), () => serverV2(names, called)];
  listener = listeners[kind](gate, { v1, v2 });
  return {
    url,
    gate,
    calls,
    close: host.close,
  };
}

type Called = (
  tool: string,
  authInfo: Parameters<typeof callerOf>[0],
) => Promise<{ content: { type: "text"; text: string }[] }>;

interface Servers {
  readonly v1: () => McpServerV1;
  readonly v2: () => McpServerV2;
}

const listeners: Record<ServerKind, (gate: McpServerGate, servers: Servers) => RequestListener> = {
  "v1-sessions"(gate, { v1 }) {
    const transports = new Map<string, StreamableHTTPServerTransport>();
    const app = express();
    app.use(express.json());
    app.use(gate.serveMetadata);
    app.all("/mcp", gate.middleware, async (req, res) => {
      const known = transports.get(req.get("mcp-session-id") ?? "");
      if (known !== undefined) return known.handleRequest(req, res, req.body);
      const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => void transports.set(id, transport),
        onsessionclosed: (id) => void transports.delete(id),
      });
      await v1().connect(transport);
      return transport.handleRequest(req, res, req.body);
    });
    return app;
  },
  "v1-stateless"(gate, { v1 }) {
    const app = express();
    // No body parser: the gate reads.
    app.all("/mcp", gate.middleware, async (req, res) => {
      if (req.method !== "POST") return void res.status(405).end();
      const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
      res.on("close", () => void transport.close());
      await v1().connect(transport);
      await transport.handleRequest(req, res, req.body);
    });
    return app;
  },
  "v2-express"(gate, { v2 }) {
    const handler = toNodeHandler(createMcpHandler(v2));
    const app = createMcpExpressApp();
    app.use(gate.serveMetadata);
    app.all("/mcp", gate.middleware, (req, res) => handler(req, res, req.body));
    return app;
  },
  "v2-node"(gate, { v2 }) {
    const handler = toNodeHandler(createMcpHandler(v2));
    return (request, response) =>
      gate.serveMetadata(request, response, () =>
        gate.middleware(request, response, () => {
          // What the types of Node do not know.
          const { auth, body } = request as typeof request & { auth: EntraAuthInfo; body: unknown };
          void handler(Object.assign(request, { auth }), response, body);
        }),
      );
  },
  "v2-fetch"(gate, { v2 }) {
    const handler = createMcpHandler(v2);
    const serve = webHandler((request) => gate.fetch(request, (options) => handler.fetch(request, options)));
    return (request, response) => void serve(request, response);
  },
};

function serverV1(names: readonly string[], called: Called): McpServerV1 {
  const server = new McpServerV1({ name: "contacts", version: "1.0.0" });
  for (const tool of names) server.registerTool(tool, {}, async (extra) => called(tool, extra.authInfo));
  return server;
}

function serverV2(names: readonly string[], called: Called): McpServerV2 {
  const server = new McpServerV2({ name: "contacts", version: "1.0.0" });
  for (const tool of names)
    server.registerTool(tool, {}, async (context) => called(tool, context.http?.authInfo));
  return server;
}
