import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What reached the toolbox, in order. */
export interface ToolboxRequest {
  readonly http: string;
  readonly url: string;
  readonly rpc: string | undefined;
  readonly headers: Record<string, string | undefined>;
}

interface RpcRequest {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: { readonly name?: string; readonly arguments?: Record<string, unknown> };
}

/** A JSON-RPC error that the toolbox answers with, and the HTTP status it comes with. */
export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly status?: number;
}

export interface ToolboxServerOptions {
  /** Whether answers are JSON bodies or event streams. */
  readonly format?: "json" | "sse";
  readonly sessions?: boolean;
  /** Called with each request; may answer itself by returning true. */
  readonly intercept?: (
    request: ToolboxRequest,
    response: ServerResponse,
    rpc: RpcRequest,
  ) => boolean | Promise<boolean>;
  /** The error that a request is refused with. */
  readonly refuse?: (rpc: RpcRequest, caller: string) => RpcError | undefined;
  /** Events sent before the answer, in a stream. */
  readonly before?: (rpc: RpcRequest) => string;
}

export interface ToolboxServer {
  readonly projectEndpoint: string;
  readonly seen: ToolboxRequest[];
  readonly forMethod: (rpc: string) => ToolboxRequest[];
  close(): Promise<void>;
}

/**
 * A toolbox as its sources describe it, as far as the tests of its client need it: it knows the caller by the
 * call id, or by the token where there is none, and tells the tool `whoami`.
 */
export async function startToolbox(options: ToolboxServerOptions = {}): Promise<ToolboxServer> {
  const seen: ToolboxRequest[] = [];
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const rpc = (body === "" ? {} : JSON.parse(body)) as RpcRequest;
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, value?.toString()]),
    );
    const entry = { http: request.method ?? "", url: request.url ?? "", rpc: rpc.method, headers };
    seen.push(entry);
    if ((await options.intercept?.(entry, response, rpc)) === true) return;
    if (rpc.id === undefined) return void response.writeHead(202).end();
    const caller = headers["x-agent-foundry-call-id"] ?? `token ${headers["authorization"]}`;
    const refusal = options.refuse?.(rpc, caller);
    const reply =
      refusal === undefined
        ? { result: resultOf(rpc, caller) }
        : { error: { code: refusal.code, message: refusal.message } };
    await send(response, rpc, { jsonrpc: "2.0", id: rpc.id, ...reply }, refusal?.status ?? 200);
  }

  async function send(
    response: ServerResponse,
    rpc: RpcRequest,
    message: object,
    status: number,
  ): Promise<void> {
    const session =
      options.sessions === true && rpc.method === "initialize" ? { "mcp-session-id": randomUUID() } : {};
    if (options.format !== "sse") {
      response.writeHead(status, { "content-type": "application/json", ...session });
      return void response.end(JSON.stringify(message));
    }
    response.writeHead(status, { "content-type": "text/event-stream", ...session });
    const before = options.before?.(rpc) ?? "";
    if (before !== "") {
      response.write(before);
      await new Promise((done) => setTimeout(done, 30));
    }
    response.end(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    projectEndpoint: `http://127.0.0.1:${port}/api/projects/support`,
    seen,
    forMethod: (rpc) => seen.filter((one) => one.rpc === rpc),
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function resultOf(rpc: RpcRequest, caller: string): object {
  if (rpc.method === "initialize") {
    return {
      protocolVersion: "2025-06-18",
      capabilities: { tools: {} },
      serverInfo: { name: "toolbox", version: "1.0.0" },
    };
  }
  if (rpc.method === "tools/list") {
    const inputSchema = { type: "object", properties: {} };
    return {
      tools: [
        { name: "people.whoami", inputSchema, _meta: { tool_configuration: { require_approval: "never" } } },
        { name: "people.erase", inputSchema, _meta: { tool_configuration: { require_approval: "always" } } },
      ],
    };
  }
  const nonce = rpc.params?.arguments?.["nonce"];
  return { content: [{ type: "text", text: JSON.stringify({ caller, nonce }) }] };
}
