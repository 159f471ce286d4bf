import { read } from "../consent/error-chain.js";

/** What is known of the MCP sessions of a pool's clients. */
export interface ClientSessions {
  /** To be told of a client while its session is good. */
  note(client: unknown): void;
  /** Whether the client has noticed by itself that its session is gone. It will not start a new one. */
  isLost(client: unknown): boolean;
  /**
   * Whether a call failed because its MCP session no longer exists: the server answers 404 to a session id it
   * does not know (MCP 2025-11-25, Streamable HTTP, session management), and the client must start anew.
   * A 404 on a client without a session is a wrong URL, which a new client would not mend.
   */
  isGone(error: unknown, client: unknown): boolean;
}

export function clientSessions(): ClientSessions {
  /** The AI SDK takes the id off its transport before it tells of the 404 (`@ai-sdk/mcp` 2.0). */
  const seen = new WeakSet();
  return {
    note(client) {
      const transport = transportOf(client);
      if (transport !== undefined && hasId(transport)) seen.add(transport);
    },
    isLost(client) {
      const transport = transportOf(client);
      return transport !== undefined && seen.has(transport) && !hasId(transport);
    },
    isGone(error, client) {
      const transport = transportOf(client);
      // An unknown client may have a session.
      const hadSession = transport === undefined || hasId(transport) || seen.has(transport);
      return hadSession && causes(error).some((cause) => httpStatus(cause) === 404);
    },
  };
}

/** Both SDKs and the AI SDK keep the session id on `client.transport`. */
function transportOf(client: unknown): { readonly sessionId: unknown } | undefined {
  const transport = field(client, "transport");
  if (typeof transport !== "object" || transport === null || !("sessionId" in transport)) return undefined;
  return transport;
}

function hasId({ sessionId }: { readonly sessionId: unknown }): boolean {
  return sessionId !== undefined && sessionId !== null;
}

/** The HTTP status a transport error carries. A JSON-RPC error's `code` is the server's own number. */
function httpStatus(error: unknown): unknown {
  const code = field(error, "code");
  // SDK v2: SdkHttpError, code CLIENT_HTTP_*, data.status.
  if (typeof code === "string")
    return code.startsWith("CLIENT_HTTP_") ? field(field(error, "data"), "status") : undefined;
  // SDK v1: StreamableHTTPError, which leaves `name` as Error; McpError and ProtocolError set theirs.
  if (typeof code === "number") return field(error, "name") === "Error" ? code : undefined;
  // AI SDK: MCPClientError, statusCode.
  return field(error, "name") === "MCPClientError" ? field(error, "statusCode") : undefined;
}

function causes(error: unknown): unknown[] {
  const chain: unknown[] = [];
  // Eight is more than any SDK nests, and ends a chain that bites its tail.
  for (let next = error; next !== undefined && chain.length < 8; next = field(next, "cause"))
    chain.push(next);
  return chain;
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? read(value, name) : undefined;
}
