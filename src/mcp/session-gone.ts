import { read } from "../consent/error-chain.js";

/**
 * Whether a call failed because its MCP session no longer exists: the server answers 404 to a session id it
 * does not know (MCP 2025-11-25, Streamable HTTP, session management), and the client must start anew.
 * A 404 on a client without a session is a wrong URL, which a new client would not mend.
 */
export function isSessionGone(error: unknown, client: unknown): boolean {
  return hasSession(client) && causes(error).some((cause) => httpStatus(cause) === 404);
}

/** Both SDKs and the AI SDK keep the session id on `client.transport`; an unknown client may have one. */
function hasSession(client: unknown): boolean {
  const transport = field(client, "transport");
  if (typeof transport !== "object" || transport === null || !("sessionId" in transport)) return true;
  return transport.sessionId !== undefined && transport.sessionId !== null;
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
