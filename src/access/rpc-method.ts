/** Methods without effect, by the MCP specification. A method that is not listed may have one. */
const withoutEffect: ReadonlySet<string> = new Set([
  "completion/complete",
  "initialize",
  "notifications/initialized",
  "ping",
  "prompts/get",
  "prompts/list",
  "resources/list",
  "resources/read",
  "resources/templates/list",
  "server/discover",
  "tools/list",
]);

/** Methods with which a toolbox asks all its sources, so that missing consent shows. */
const enumerating: ReadonlySet<string> = new Set(["initialize", "server/discover", "tools/list"]);

/** Longer bodies are calls with arguments. */
const maxBody = 4_096;

/** Whether a request can be sent twice without acting twice. */
export function isWithoutEffect(request: RequestInit): boolean {
  if (isPost(request)) return withoutEffect.has(rpcMethod(request) ?? "");
  return (request.method ?? "GET").toUpperCase() === "GET";
}

/** Whether a request makes the toolbox look at all its sources. */
export function isEnumerating(request: RequestInit): boolean {
  return isPost(request) && enumerating.has(rpcMethod(request) ?? "");
}

export function isPost(request: RequestInit): boolean {
  return request.method?.toUpperCase() === "POST";
}

/**
 * The JSON-RPC method in the body of a request, or `undefined` where it is unclear. The header `mcp-method` is not
 * enough: it must match the body, which no server has checked yet.
 */
function rpcMethod({ body, headers }: RequestInit): string | undefined {
  if (typeof body !== "string" || body.length > maxBody) return undefined;
  try {
    const { method } = Object(JSON.parse(body)) as { method?: unknown };
    const named = new Headers(headers).get("mcp-method");
    return typeof method === "string" && (named === null || named === method) ? method : undefined;
  } catch {
    return undefined;
  }
}
