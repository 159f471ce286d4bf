import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { McpServer as McpServerV1 } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { createMcpHandler, McpServer as McpServerV2 } from "@modelcontextprotocol/server";
import { z } from "zod";

/** Says whose token it is, or `undefined` for a token that must be answered with 401. */
export type TokenReader = (token: string) => string | undefined | Promise<string | undefined>;

export interface McpTestServerOptions {
  /**
   * `v1-sessions`: SDK v1, stateful. `v1-stateless`: SDK v1, one server for each request.
   * `v2`: SDK v2, speaks 2026-07-28, and 2025-era traffic without sessions.
   */
  kind: "v1-sessions" | "v1-stateless" | "v2";
  whose: TokenReader;
  /** How long to think before each answer, in milliseconds. */
  delayMs?: () => number;
  /** What SDK v2 states as the lifetime of resources and lists, in milliseconds. */
  ttlMs?: number;
  /** What the 401 challenge names as the address of the metadata. */
  resourceMetadata?: string;
  /** Whether a session is only for the principal who opened it; the SDKs' servers do not check this. */
  bindSessions?: boolean;
  /**
   * What a session that it does not know is answered, in place of 404. `anew`: what the transport of the SDK says that
   * was just made for it.
   */
  unknownSession?: "anew" | { status: number; type: string; body: string };
}

/** What reached the server, in order. Holds no token. */
export interface SeenRequest {
  http: string;
  rpc: string | undefined;
  caller: string | undefined;
  /** Whether a token came at all, and whether it was accepted. */
  token: "none" | "refused" | "accepted";
  sessionId: string | undefined;
  protocolVersion: string | undefined;
}

export interface McpTestServer {
  url: string;
  seen: SeenRequest[];
  sessions: Map<string, string>;
  /** Forgets every session: their next request is answered 404. */
  forgetSessions(): void;
  close(): Promise<void>;
}

function challenge({ resourceMetadata = "http://127.0.0.1:9/never-visited" }: McpTestServerOptions): string {
  return `Bearer error="invalid_token", resource_metadata="${resourceMetadata}"`;
}

/** A real MCP server on a loopback port that names the caller in every answer, resource and notification. */
export async function startMcpServer(options: McpTestServerOptions): Promise<McpTestServer> {
  const seen: SeenRequest[] = [];
  const sessions = new Map<string, string>();
  const serve = servers[options.kind](options, sessions);

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = request.method === "POST" ? await readJson(request) : undefined;
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1];
    const caller = token === undefined ? undefined : await options.whose(token);
    const sessionId = single(request.headers["mcp-session-id"]);
    seen.push({
      http: request.method ?? "",
      rpc: rpcMethod(body),
      caller,
      token: token === undefined ? "none" : caller === undefined ? "refused" : "accepted",
      sessionId,
      protocolVersion: single(request.headers["mcp-protocol-version"]),
    });
    await sleep(options.delayMs?.() ?? 0);
    if (caller === undefined) {
      response.writeHead(401, { "www-authenticate": challenge(options) }).end();
      return;
    }
    Object.assign(request, { auth: { token: "", clientId: caller, scopes: [], extra: { caller } } });
    await serve(request as AuthenticatedRequest, response, body, caller);
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    seen,
    sessions,
    forgetSessions: () => sessions.clear(),
    close: () => stop(server),
  };
}

interface AuthenticatedRequest extends IncomingMessage {
  auth: { token: string; clientId: string; scopes: string[]; extra: { caller: string } };
}

type Serve = (
  request: AuthenticatedRequest,
  response: ServerResponse,
  body: unknown,
  caller: string,
) => Promise<void>;

const servers: Record<
  McpTestServerOptions["kind"],
  (options: McpTestServerOptions, sessions: Map<string, string>) => Serve
> = {
  "v1-sessions"(options, sessions) {
    const transports = new Map<string, StreamableHTTPServerTransport>();
    return async (request, response, body, caller) => {
      const id = single(request.headers["mcp-session-id"]);
      if (id !== undefined) {
        const known = sessions.has(id) ? transports.get(id) : undefined;
        if (known === undefined && options.unknownSession !== "anew") return unknown(response, options);
        if (options.bindSessions === true && sessions.get(id) !== caller) {
          return refuse(response, 403, "Session of another principal");
        }
        if (known !== undefined) return known.handleRequest(request, response, body);
      }
      const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized(opened) {
          transports.set(opened, transport);
          sessions.set(opened, caller);
        },
        onsessionclosed(ended) {
          transports.delete(ended);
          sessions.delete(ended);
        },
      });
      await serverV1().connect(transport);
      await transport.handleRequest(request, response, body);
    };
  },
  "v1-stateless"() {
    return async (request, response, body) => {
      if (request.method !== "POST") return refuse(response, 405, "Method not allowed.");
      const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
      await serverV1().connect(transport);
      response.on("close", () => void transport.close());
      await transport.handleRequest(request, response, body);
    };
  },
  v2(options) {
    const handler = toNodeHandler(createMcpHandler(() => serverV2(options.ttlMs ?? 0)));
    return async (request, response, body) => handler(request, response, body);
  },
};

async function unknown(response: ServerResponse, { unknownSession }: McpTestServerOptions): Promise<void> {
  if (typeof unknownSession !== "object") return refuse(response, 404, "Session not found");
  const { status, type, body } = unknownSession;
  response.writeHead(status, { "content-type": type }).end(body);
}

const profile = { name: "profile", uri: "me://profile" };

function serverV1(): McpServerV1 {
  const server = new McpServerV1(
    { name: "people", version: "1.0.0" },
    { capabilities: { logging: {}, resources: {}, tools: {} } },
  );
  server.registerTool("whoami", { inputSchema: { nonce: z.string() } }, async ({ nonce }, extra) => {
    const caller = String(extra.authInfo?.extra?.["caller"]);
    await extra.sendNotification({
      method: "notifications/message",
      params: { level: "info", data: { caller, nonce } },
    });
    return { content: [{ type: "text", text: JSON.stringify({ caller, nonce }) }] };
  });
  server.registerResource(profile.name, profile.uri, {}, async (uri, extra) => ({
    contents: [{ uri: uri.href, text: String(extra.authInfo?.extra?.["caller"]) }],
  }));
  return server;
}

function serverV2(ttlMs: number): McpServerV2 {
  const cacheHint = { ttlMs, cacheScope: "private" as const };
  const server = new McpServerV2(
    { name: "people", version: "1.0.0" },
    { capabilities: { logging: {}, resources: {}, tools: {} } },
  );
  server.registerTool(
    "whoami",
    { inputSchema: z.object({ nonce: z.string() }) },
    async ({ nonce }, context) => {
      const caller = String(context.http?.authInfo?.extra?.["caller"]);
      await context.mcpReq.notify({
        method: "notifications/message",
        params: { level: "info", data: { caller, nonce } },
      });
      return { content: [{ type: "text", text: JSON.stringify({ caller, nonce }) }] };
    },
  );
  server.registerResource(profile.name, profile.uri, { cacheHint }, async (uri, context) => ({
    contents: [{ uri: uri.href, text: String(context.http?.authInfo?.extra?.["caller"]) }],
  }));
  return server;
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ jsonrpc: "2.0", error: { code: -32001, message }, id: null }));
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString("utf8")) as unknown;
}

function rpcMethod(body: unknown): string | undefined {
  return typeof body === "object" && body !== null && "method" in body ? String(body.method) : undefined;
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(",") : value;
}

function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
