import { randomUUID } from "node:crypto";
import { json, type Reply } from "../../entra/http.js";
import { bytesOf, headerOf, text, type Exchange, type Handled } from "../exchange.js";
import { note } from "../log.js";
import { refused } from "../refused.js";
import { toolboxCaller, type ToolboxCaller } from "./caller.js";
import { RpcFailure, rpcCodes, rpcMessage, type RpcMessage } from "./rpc.js";
import { calledTool, listedTools } from "./tool-search.js";
import { allTools, type ToolboxCall } from "./tools.js";
import type { Toolbox } from "./toolbox.js";

/** `…/toolboxes/{name}/mcp` and `…/versions/{version}/mcp`: MCP over Streamable HTTP. */
export async function toolboxEndpoint(exchange: Exchange): Promise<Handled> {
  const { state, request, method, path, entry } = exchange;
  if (path["toolbox"] !== undefined) entry.toolbox = path["toolbox"];
  const bytes = method === "POST" ? await bytesOf(request) : Buffer.alloc(0);
  const message = method === "POST" ? messageOf(bytes) : undefined;
  if (message !== undefined && !(message instanceof RpcFailure)) {
    entry.rpc = message.method;
    const tool = text(message.params?.["name"]);
    if (message.method === "tools/call" && tool !== undefined) entry.tool = tool;
  }
  if (state.faults.take("toolbox", entry.rpc) === "reset") return "reset";
  checkVersion(exchange);
  const caller = await toolboxCaller(exchange);
  const toolbox = toolboxOf(exchange);
  noteOutbound(exchange);
  if (method === "DELETE") return endSession(exchange, toolbox, caller);
  // There is no stream for the server's own messages. Source: MCP 2025-06-18, Listening for Messages.
  if (method !== "POST") return json(405, {}, { allow: "POST, DELETE" });
  if (!/^application\/json\b/i.test(request.headers["content-type"] ?? "")) throw refused("media_type");
  if (message === undefined || message instanceof RpcFailure) {
    return failure(
      exchange,
      null,
      message ?? new RpcFailure(rpcCodes.invalidRequest, "Invalid Request"),
      400,
    );
  }
  return answer(exchange, toolbox, caller, message);
}

async function answer(
  exchange: Exchange,
  toolbox: Toolbox,
  caller: ToolboxCaller,
  message: RpcMessage,
): Promise<Reply> {
  const { state, entry, gone } = exchange;
  const opens = message.method === "initialize";
  if (!opens) checkSession(exchange, toolbox, caller);
  if (message.id === undefined) return { status: 202, headers: {}, body: "" };
  if (message.method.startsWith("prompts/")) throw refused("prompts_unsupported");
  const method = Object.hasOwn(methods, message.method) ? methods[message.method] : undefined;
  try {
    if (method === undefined) throw new RpcFailure(rpcCodes.methodUnknown, "Method not found");
    const { person, itself } = caller;
    const asks = toolbox.options.consentFor === "container" ? itself : person;
    const call = { state, toolbox, person, asks, signal: gone };
    const result = await method(call, message.params ?? {});
    const session = opens ? openSession(toolbox, caller) : {};
    return rpcReply(exchange, toolbox, { jsonrpc: "2.0", id: message.id, result }, session);
  } catch (error) {
    if (!(error instanceof RpcFailure)) throw error;
    entry.rpcError = error.code;
    return rpcReply(exchange, toolbox, errorBody(message.id, error), {});
  }
}

const versions = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

const methods: Readonly<
  Record<string, (call: ToolboxCall, params: Readonly<Record<string, unknown>>) => Promise<object>>
> = {
  async initialize(call, { protocolVersion }) {
    if (call.toolbox.options.consentAt === "initialize") await allTools(call, "initialize");
    return {
      protocolVersion: versions.includes(String(protocolVersion)) ? protocolVersion : versions[0],
      capabilities: { tools: {} },
      serverInfo: { name: call.toolbox.options.name, version: "1.0.0" },
    };
  },
  ping: async () => ({}),
  "tools/list": async (call) => ({ tools: await listedTools(call) }),
  "tools/call": (call, params) => calledTool(call, params["name"], params["arguments"]),
};

function checkVersion({ url }: Exchange): void {
  const version = url.searchParams.get("api-version");
  if (version === null) throw refused("api_version_missing");
  if (version !== "v1") throw refused("api_version_unknown", { version });
}

function toolboxOf({ state, path, request }: Exchange): Toolbox {
  const features = (request.headersDistinct["foundry-features"] ?? []).flatMap((value) => value.split(","));
  if (!features.some((feature) => feature.trim() === "Toolboxes=V1Preview")) throw refused("feature_missing");
  const toolbox = state.toolboxes.get(path["toolbox"] ?? "");
  const wanted = path["version"];
  if (toolbox === undefined || (wanted !== undefined && !toolbox.versions.includes(wanted))) {
    throw refused("toolbox_unknown", { toolbox: path["toolbox"] ?? "" });
  }
  return toolbox;
}

/** Whose a session is: the agent's connection, or one person's on it. */
function ownerOf(toolbox: Toolbox, { agentOid, person }: ToolboxCaller): string {
  const parts = toolbox.options.sessions === "user" ? [agentOid, person.userId] : [agentOid];
  return JSON.stringify(parts);
}

function openSession(toolbox: Toolbox, caller: ToolboxCaller): Readonly<Record<string, string>> {
  if (toolbox.options.sessions === "none") return {};
  const id = randomUUID();
  toolbox.sessions.set(id, ownerOf(toolbox, caller));
  return { "mcp-session-id": id };
}

function checkSession({ request }: Exchange, toolbox: Toolbox, caller: ToolboxCaller): void {
  const version = request.headers["mcp-protocol-version"];
  if (version !== undefined && !versions.includes(String(version))) throw refused("mcp_version_unknown");
  if (toolbox.options.sessions === "none") return;
  const id = headerOf(request, "mcp-session-id", () => {
    throw refused("session_unknown");
  });
  if (id === undefined) throw refused("session_missing");
  const owner = toolbox.sessions.get(id);
  if (owner === undefined) throw refused("session_unknown");
  if (owner !== ownerOf(toolbox, caller)) throw refused("session_of_other");
}

function endSession(exchange: Exchange, toolbox: Toolbox, caller: ToolboxCaller): Reply {
  checkSession(exchange, toolbox, caller);
  toolbox.sessions.delete(String(exchange.request.headers["mcp-session-id"]));
  return { status: 204, headers: {}, body: "" };
}

/** What an agent must not send onward. Source: hosted-agent contract: the user id "isn't forwarded outbound". */
function noteOutbound({ request, entry }: Exchange): void {
  for (const name of Object.keys(request.headers)) {
    const own = name === "x-agent-foundry-call-id" || name === "x-agent-session-id";
    if (!own && /^(x-agent-|x-client-)/.test(name)) note(entry, `${name} was sent onward`);
  }
}

function messageOf(bytes: Buffer): RpcMessage | RpcFailure {
  try {
    return rpcMessage(bytes);
  } catch (error) {
    if (error instanceof RpcFailure) return error;
    throw error;
  }
}

function failure({ entry }: Exchange, id: null, error: RpcFailure, status: number): Reply {
  entry.rpcError = error.code;
  return json(status, errorBody(id, error));
}

function errorBody(id: string | number | null, { code, message, data }: RpcFailure): object {
  return { jsonrpc: "2.0", id, error: { code, message, data } };
}

function rpcReply(
  { request }: Exchange,
  toolbox: Toolbox,
  body: object,
  headers: Readonly<Record<string, string>>,
): Reply {
  const takesStream = (request.headers.accept ?? "").includes("text/event-stream");
  if (toolbox.options.answers === "json" || !takesStream) return json(200, body, headers);
  return {
    status: 200,
    headers: { "content-type": "text/event-stream", "cache-control": "no-cache", ...headers },
    body: `event: message\ndata: ${JSON.stringify(body)}\n\n`,
  };
}
