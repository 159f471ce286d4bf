/** What asks and changes nothing, by the MCP specification. A method that is not listed may have an effect. */
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

/** With these a toolbox asks all its sources at once, and the consent that is missing becomes known. */
const enumerating: ReadonlySet<string> = new Set(["initialize", "server/discover", "tools/list"]);

/** Longer bodies are calls with arguments. */
const maxBody = 4_096;

/** Whether a request can be sent twice without anything being done twice. */
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
 * The JSON-RPC method in the body of a request, or `undefined` where it cannot be told. The header
 * `mcp-method` is not enough: it must match the body, but nobody has checked that yet.
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
