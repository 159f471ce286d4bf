import { eventCutter, sseEvent } from "../sse.js";
import type { FoundryState } from "../state.js";
import type { ToolDefinition } from "./options.js";
import { RpcFailure } from "./rpc.js";
import { SourceFailed } from "./source-failures.js";
import type { Toolbox, ToolSource } from "./toolbox.js";

const protocolVersion = "2025-06-18";
const maxPages = 20;

/** How a source is called once. */
export interface SourceCall {
  readonly state: FoundryState;
  readonly toolbox: Toolbox;
  readonly source: ToolSource;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

/** Every tool of a source's server. Throws {@link SourceFailed}. */
export function listTools(call: SourceCall): Promise<readonly ToolDefinition[]> {
  return inSession(call, async (send) => {
    const tools: ToolDefinition[] = [];
    let cursor: unknown;
    for (let page = 0; page < maxPages; page++) {
      const result = await send("tools/list", cursor === undefined ? {} : { cursor });
      tools.push(...((result["tools"] as ToolDefinition[] | undefined) ?? []));
      cursor = result["nextCursor"];
      if (cursor === undefined) break;
    }
    return tools;
  });
}

/** Calls a tool. Throws {@link SourceFailed}, or the server's own JSON-RPC error. */
export function callTool(
  call: SourceCall,
  name: string,
  args: unknown,
): Promise<Readonly<Record<string, unknown>>> {
  return inSession(call, (send) => send("tools/call", { name, arguments: args }));
}

type Send = (method: string, params: object) => Promise<Readonly<Record<string, unknown>>>;

/** Opens a session, uses it for one thing, and ends it: nothing of one person is there for the next. */
async function inSession<T>(call: SourceCall, work: (send: Send) => Promise<T>): Promise<T> {
  let sessionId: string | undefined;
  let nextId = 0;
  const post = async (message: object, id?: number): Promise<Readonly<Record<string, unknown>>> => {
    const response = await request(call, "POST", sessionId, message);
    sessionId ??= response.headers.get("mcp-session-id") ?? undefined;
    if (id !== undefined) return resultOf(response, id);
    await response.body?.cancel();
    return {};
  };
  const send: Send = (method, params) => {
    const id = nextId++;
    return post({ jsonrpc: "2.0", id, method, params }, id);
  };
  try {
    await send("initialize", {
      protocolVersion,
      capabilities: {},
      clientInfo: { name: "foundry-toolbox", version: "1.0.0" },
    });
    await post({ jsonrpc: "2.0", method: "notifications/initialized" });
    return await work(send);
  } finally {
    if (sessionId !== undefined) {
      await request(call, "DELETE", sessionId)
        .then((response) => response.body?.cancel())
        .catch(() => {});
    }
  }
}

async function request(
  { state, toolbox, source, token, signal }: SourceCall,
  method: "POST" | "DELETE",
  sessionId: string | undefined,
  message?: object,
): Promise<Response> {
  const { url, server, name } = source.options;
  const headers = {
    ...(message === undefined ? {} : { "content-type": "application/json" }),
    accept: "application/json, text/event-stream",
    ...(sessionId === undefined
      ? {}
      : { "mcp-session-id": sessionId, "mcp-protocol-version": protocolVersion }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const { method: rpc, params } = Object(message) as { method?: string; params?: { name?: string } };
  const entry = state.log.start({
    at: state.now(),
    side: "source",
    method,
    path: url === undefined ? "/" : new URL(url).pathname,
    toolbox: toolbox.options.name,
    source: name,
    rpc,
    tool: params?.name,
    status: 0,
  });
  const init = {
    method,
    headers,
    signal,
    body: message === undefined ? null : JSON.stringify(message),
  };
  let response: Response;
  try {
    const target = url ?? "http://source.invalid/mcp";
    response = await (server === undefined ? state.fetch(target, init) : server(new Request(target, init)));
  } catch {
    state.log.finish(entry, 0);
    throw new SourceFailed("CONNECTION_FAILED", `The server of the source '${name}' could not be reached.`);
  }
  state.log.finish(entry, response.status);
  if (response.ok || method === "DELETE") return response;
  await response.body?.cancel();
  throw new SourceFailed(
    `HTTP_${response.status}`,
    `The server of the source '${name}' answered ${response.status}.`,
  );
}

async function resultOf(response: Response, id: number): Promise<Readonly<Record<string, unknown>>> {
  const isStream = /^text\/event-stream\b/i.test(response.headers.get("content-type") ?? "");
  for await (const message of isStream ? streamed(response) : [await response.json()]) {
    const { id: answered, result, error } = Object(message) as Record<string, unknown>;
    if (answered !== id) continue;
    if (error === undefined) return Object(result) as Record<string, unknown>;
    const { code, message: text, data } = Object(error) as Record<string, unknown>;
    throw new RpcFailure(Number(code), String(text), data);
  }
  throw new SourceFailed("CONNECTION_FAILED", "The server ended its answer too early.");
}

async function* streamed(response: Response): AsyncIterable<unknown> {
  const cutter = eventCutter();
  for await (const chunk of response.body ?? []) {
    for (const block of cutter.push(chunk)) {
      const event = sseEvent(block);
      if (event !== undefined && event.data !== "") yield JSON.parse(event.data) as unknown;
    }
  }
}
