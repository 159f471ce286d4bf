import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { InMemoryEventStore } from "@modelcontextprotocol/sdk/examples/shared/inMemoryEventStore.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { gate } from "./consenting-access.js";

/** A server whose tool takes its time, with a session for each client. */
export interface SlowServer {
  readonly url: string;
  /** Lets the tool end. */
  finish(): void;
  /** Resets every connection. The server goes on. */
  cut(): void;
  /** Forgets every session. */
  forget(): void;
  /** How it treats calls of the tool from now on, in place of answering them. */
  meet(fault: CallFault | undefined): void;
  readonly requests: readonly string[];
  readonly http: Server;
  close(): void;
}

/** The connection is reset before anything is answered, or nothing is answered at all. */
export type CallFault = "reset" | "silence";

/** SDK v1's own server with a tool that ends when it is told to. */
export async function slowServer({ numbered = false } = {}): Promise<SlowServer> {
  const finished = gate();
  let fault: CallFault | undefined;
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const requests: string[] = [];
  const http = createServer((request, response) => {
    void (async () => {
      const body = request.method === "POST" ? await bodyOf(request) : undefined;
      const { method } = Object(body) as { method?: string };
      requests.push(`${request.method} ${method ?? request.headers["last-event-id"] !== undefined}`);
      if (method === "tools/call" && fault === "reset") return void request.socket.resetAndDestroy();
      if (method === "tools/call" && fault === "silence") return;
      const id = request.headers["mcp-session-id"];
      const transport = id === undefined ? await opened() : transports.get(String(id));
      if (transport === undefined) return void response.writeHead(404).end();
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
  const { port } = http.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    finish: () => finished.open(),
    cut: () => http.closeAllConnections(),
    forget: () => transports.clear(),
    meet: (met) => void (fault = met),
    requests,
    http,
    close() {
      http.closeAllConnections();
      http.close();
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString());
}
