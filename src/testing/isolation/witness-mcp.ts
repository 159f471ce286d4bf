import { randomUUID } from "node:crypto";
import { RpcFailure, rpcCodes, rpcMessage, type RpcMessage } from "../foundry/toolbox/rpc.js";
import { json, type Reply } from "../entra/http.js";

/** One request to the witness, its token read. */
export interface WitnessRequest {
  readonly method: string;
  /** What a POST says, or why it says nothing. */
  readonly message: RpcMessage | RpcFailure;
  readonly session: string | undefined;
  readonly takesStream: boolean;
  /** Whose token it came with. */
  readonly oid: string;
  /** What the result of a tool call has to hold. */
  readonly receipt: string;
}

export interface WitnessProtocol {
  answer(request: WitnessRequest): Reply;
  /** Who opened a session; `undefined` for one that nobody did, or that is over. */
  ownerOf(session: string | undefined): string | undefined;
  /** Forgets every session: their next request is answered 404. */
  dropSessions(): void;
}

export interface WitnessProtocolOptions {
  readonly tools: readonly string[];
  readonly hasSessions: boolean;
  readonly call: (tool: string, request: WitnessRequest) => object;
  /** The content of the resource of whoever asks. */
  readonly read: (request: WitnessRequest) => string;
  /** Whether an answer that may be a stream is one. */
  readonly streams: () => boolean;
}

/** The resource whose address is the same for everybody, and whose content is not. */
export const witnessUri = "witness://me";

/** A client may answer from its cache for so long, and to this person only. Source: MCP 2026-07-28, SEP-2549. */
const cacheHint = { ttlMs: 60_000, cacheScope: "private" };

const versions = ["2025-11-25", "2025-06-18", "2025-03-26"];

/** MCP over Streamable HTTP, with sessions. Source: MCP 2025-11-25, basic/transports. */
export function witnessProtocol({
  tools,
  hasSessions,
  call,
  read,
  streams,
}: WitnessProtocolOptions): WitnessProtocol {
  const sessions = new Map<string, string>();

  /** The result of a request, or throws {@link RpcFailure}. */
  function resultOf({ method, params = {} }: RpcMessage, request: WitnessRequest): object {
    switch (method) {
      case "initialize": {
        const asked = String(params["protocolVersion"]);
        const protocolVersion = versions.includes(asked) ? asked : versions[0];
        const serverInfo = { name: "isolation-witness", version: "1.0.0" };
        return { protocolVersion, capabilities: { logging: {}, resources: {}, tools: {} }, serverInfo };
      }
      case "logging/setLevel":
      case "ping":
        return {};
      case "tools/list":
        return { tools: tools.map(toolNamed) };
      case "tools/call":
        if (!tools.includes(String(params["name"]))) {
          throw new RpcFailure(
            rpcCodes.paramsInvalid,
            "Unknown tool: name it in the options of startWitness()",
          );
        }
        return call(String(params["name"]), request);
      case "resources/list":
        return { resources: [{ uri: witnessUri, name: "me", mimeType: "application/json" }] };
      case "resources/templates/list":
        return { resourceTemplates: [] };
      case "resources/read": {
        if (params["uri"] !== witnessUri)
          throw new RpcFailure(rpcCodes.paramsInvalid, `Unknown resource: there is ${witnessUri}`);
        const contents = [{ uri: witnessUri, mimeType: "application/json", text: read(request) }];
        return { contents, ...cacheHint };
      }
      default:
        throw new RpcFailure(rpcCodes.methodUnknown, "Method not found");
    }
  }

  function answer(request: WitnessRequest): Reply {
    const { method, message, session, oid } = request;
    // A stream for the server's own messages belongs to a session.
    if (method !== "POST" && method !== "DELETE") return json(405, {}, { allow: "POST, DELETE" });
    if (session !== undefined && !sessions.has(session)) return failed(404, null, "Session not found");
    if (method === "DELETE") {
      if (session !== undefined) sessions.delete(session);
      return { status: 204, headers: {}, body: "" };
    }
    if (message instanceof RpcFailure) return failed(400, null, message.message);
    const { id } = message;
    const opens = message.method === "initialize";
    if (hasSessions && !opens && session === undefined) {
      return failed(400, id ?? null, "Mcp-Session-Id header is required");
    }
    if (id === undefined) return { status: 202, headers: {}, body: "" };
    const isStream = request.takesStream && streams();
    try {
      const body = { jsonrpc: "2.0", id, result: resultOf(message, request) };
      return reply(body, opens && hasSessions ? { "mcp-session-id": open(oid) } : {}, isStream);
    } catch (error) {
      if (!(error instanceof RpcFailure)) throw error;
      return reply({ jsonrpc: "2.0", id, error: { code: error.code, message: error.message } }, {}, isStream);
    }
  }

  function open(oid: string): string {
    const id = randomUUID();
    sessions.set(id, oid);
    return id;
  }

  return {
    answer,
    ownerOf: (session) => (session === undefined ? undefined : sessions.get(session)),
    dropSessions: () => sessions.clear(),
  };
}

/** What a body says; {@link RpcFailure} where it is no message. */
export function messageIn(body: string): RpcMessage | RpcFailure {
  try {
    return rpcMessage(Buffer.from(body));
  } catch (error) {
    if (error instanceof RpcFailure) return error;
    throw error;
  }
}

function toolNamed(name: string): object {
  return {
    name,
    description: "Says who is calling. Pass the whole question on.",
    inputSchema: { type: "object", properties: { question: { type: "string" } }, additionalProperties: true },
  };
}

function failed(status: number, id: string | number | null, message: string): Reply {
  return json(status, { jsonrpc: "2.0", id, error: { code: rpcCodes.invalidRequest, message } });
}

function reply(body: object, headers: Readonly<Record<string, string>>, isStream: boolean): Reply {
  if (!isStream) return json(200, body, headers);
  return {
    status: 200,
    headers: { "content-type": "text/event-stream", "cache-control": "no-cache", ...headers },
    body: `event: message\ndata: ${JSON.stringify(body)}\n\n`,
  };
}
