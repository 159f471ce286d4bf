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

/** A real MCP server behind a gate, with the tools `whoami` and `delete_contact`. */
export async function startProtectedServer(
  kind: ServerKind,
  gateFor: (url: string) => McpServerGate,
): Promise<ProtectedServer> {
  const calls: { tool: string; caller: string }[] = [];
  let listener: RequestListener | undefined;
  const server = createServer((request, response) => listener?.(request, response));
  const host = await listening(server);
  const url = `${host.url}/mcp`;
  const gate = gateFor(url);
  listener = listeners[kind](gate, (tool, authInfo) => {
    const caller = callerOf(authInfo).oid;
    calls.push({ tool, caller });
    return { content: [{ type: "text", text: JSON.stringify({ tool, caller }) }] };
  });
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
) => { content: { type: "text"; text: string }[] };

const listeners: Record<ServerKind, (gate: McpServerGate, called: Called) => RequestListener> = {
  "v1-sessions"(gate, called) {
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
      await serverV1(called).connect(transport);
      return transport.handleRequest(req, res, req.body);
    });
    return app;
  },
  "v1-stateless"(gate, called) {
    const app = express();
    // No body parser: the gate reads.
    app.all("/mcp", gate.middleware, async (req, res) => {
      if (req.method !== "POST") return void res.status(405).end();
      const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
      res.on("close", () => void transport.close());
      await serverV1(called).connect(transport);
      await transport.handleRequest(req, res, req.body);
    });
    return app;
  },
  "v2-express"(gate, called) {
    const handler = toNodeHandler(createMcpHandler(() => serverV2(called)));
    const app = createMcpExpressApp();
    app.use(gate.serveMetadata);
    app.all("/mcp", gate.middleware, (req, res) => handler(req, res, req.body));
    return app;
  },
  "v2-node"(gate, called) {
    const handler = toNodeHandler(createMcpHandler(() => serverV2(called)));
    return (request, response) =>
      gate.serveMetadata(request, response, () =>
        gate.middleware(request, response, () => {
          // What the types of Node do not know.
          const { auth, body } = request as typeof request & { auth: EntraAuthInfo; body: unknown };
          void handler(Object.assign(request, { auth }), response, body);
        }),
      );
  },
  "v2-fetch"(gate, called) {
    const handler = createMcpHandler(() => serverV2(called));
    const serve = webHandler((request) => gate.fetch(request, (options) => handler.fetch(request, options)));
    return (request, response) => void serve(request, response);
  },
};

function serverV1(called: Called): McpServerV1 {
  const server = new McpServerV1({ name: "contacts", version: "1.0.0" });
  for (const tool of ["whoami", "delete_contact"])
    server.registerTool(tool, {}, async (extra) => called(tool, extra.authInfo));
  return server;
}

function serverV2(called: Called): McpServerV2 {
  const server = new McpServerV2({ name: "contacts", version: "1.0.0" });
  for (const tool of ["whoami", "delete_contact"])
    server.registerTool(tool, {}, async (context) => called(tool, context.http?.authInfo));
  return server;
}
