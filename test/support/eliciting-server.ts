import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { protectedResource, type TokenSource, userAccess, type UserAccess } from "hosted-agent-identity";
import type { UserAccessOptions } from "hosted-agent-identity";
import { listening } from "./listening.js";

/** A JSON-RPC message that a server got. */
export interface Rpc {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: unknown;
}

export interface ElicitingServer {
  readonly url: string;
  readonly seen: Rpc[];
  readonly tokens: string[];
  /** What each request but those of a session's start is answered with. */
  answer: (rpc: Rpc, response: ServerResponse) => void;
  /** What a GET is answered with, which resumes a stream. */
  onGet: ((response: ServerResponse) => void) | undefined;
  close(): Promise<void>;
}

/** An MCP server of 2025-11-25, written by hand, so that its answers are what a test says. */
export async function startElicitingServer(): Promise<ElicitingServer> {
  const seen: Rpc[] = [];
  const tokens: string[] = [];
  const bodyOf = async (request: IncomingMessage): Promise<string> => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    return Buffer.concat(pieces).toString("utf8");
  };
  const host = await listening(
    createServer((request, response) => {
      void bodyOf(request).then((body) => {
        if (request.method === "GET" && server.onGet !== undefined) return server.onGet(response);
        if (request.method !== "POST") return response.writeHead(405).end();
        const rpc = JSON.parse(body) as Rpc;
        seen.push(rpc);
        tokens.push(request.headers.authorization ?? "");
        if (rpc.method === "initialize")
          return json(response, rpc, {
            result: {
              protocolVersion: "2025-11-25",
              capabilities: { tools: {} },
              serverInfo: { name: "gateway", version: "1" },
            },
          });
        if (rpc.id === undefined || rpc.method === undefined) {
          server.onReply?.(rpc);
          return response.writeHead(202).end();
        }
        return server.answer(rpc, response);
      });
    }),
  );
  const server = {
    url: `${host.url}/mcp`,
    seen,
    tokens,
    answer: (rpc: Rpc, response: ServerResponse): void => json(response, rpc, { result: { content: [] } }),
    onGet: undefined as ElicitingServer["onGet"],
    onReply: undefined as ((rpc: Rpc) => void) | undefined,
    close: host.close,
  };
  return server;
}

export function json(response: ServerResponse, { id }: Rpc, message: object, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ jsonrpc: "2.0", id, ...message }));
}

/** An event stream of these messages. It stays open if `open` says so. */
export function events(response: ServerResponse, messages: readonly object[], open = false): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const message of messages) response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
  if (!open) response.end();
}

/** An access to a server with a token for everybody. */
export function accessTo(
  url: string,
  allowedLinks?: readonly string[],
  { source = {}, ...options }: UserAccessOptions & { readonly source?: Partial<TokenSource> } = {},
): UserAccess {
  const giving: TokenSource = {
    kind: "test",
    provesUser: true,
    cacheScope: "test",
    usesAssertion: false,
    cached: true,
    skip: () => undefined,
    acquire: async ({ context }) => ({
      status: "token",
      token: { token: `token-of-${context.user?.oid}`, expiresAt: Date.now() + 3_600_000, source: "test" },
    }),
    ...source,
  };
  const resource = protectedResource({
    url,
    serverLabel: "gateway",
    scopes: ["api://gateway/read"],
    audiences: ["api://gateway"],
    ...(allowedLinks === undefined ? {} : { elicitation: { allowedLinks } }),
  });
  return userAccess(resource, [giving], options);
}
