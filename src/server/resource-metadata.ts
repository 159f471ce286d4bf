import type { GateSettings } from "./settings.js";

/**
 * The protected-resource metadata of an MCP server. Source: RFC 9728 section 2.
 * @group MCP server
 */
export interface ResourceMetadata {
  readonly resource: string;
  readonly authorization_servers: readonly string[];
  /** Fully qualified, as Entra has to be asked for them. */
  readonly scopes_supported: readonly string[];
  readonly bearer_methods_supported: readonly ["header"];
  readonly resource_name?: string | undefined;
  readonly resource_documentation?: string | undefined;
}

const root = "/.well-known/oauth-protected-resource";

/** Where the metadata of a resource is: between its host and its path. Source: RFC 9728 section 3.1. */
export function metadataUrlOf(url: URL): string {
  const path = url.pathname === "/" ? "" : url.pathname;
  return `${url.origin}${root}${path}`;
}

/** Names only the home tenant, so that it does not reveal which other tenants are customers. */
export function resourceMetadata(settings: GateSettings): ResourceMetadata {
  const { url, app, scopes, tools, name, documentation, qualified } = settings;
  const all = [...scopes, ...[...tools.values()].flatMap((tool) => tool.scopes ?? [])];
  return Object.freeze({
    resource: url.href,
    authorization_servers: [`${app.cloud.loginEndpoint}/${app.tenantId}/v2.0`],
    scopes_supported: [...new Set(all)].map(qualified),
    bearer_methods_supported: ["header"] as const,
    resource_name: name,
    resource_documentation: documentation,
  });
}

const methods = "GET, HEAD, OPTIONS";
const anybody = { "access-control-allow-origin": "*" };

/** An answer with the document for a request to either of its addresses; `undefined` for any other path. */
export function metadataAnswer(
  settings: GateSettings,
  { method, path }: { readonly method: string; readonly path: string },
):
  | { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }
  | undefined {
  const own = new URL(settings.metadataUrl).pathname;
  // Clients that have seen no challenge look at the path's address first, and then at the root's. Source: MCP 2025-11-25.
  const isHere = [own, root].some((one) => path === one || path === `${one}/` || `${path}/` === one);
  if (!isHere) return undefined;
  if (method === "OPTIONS") {
    const allowed = { "access-control-allow-methods": methods, "access-control-allow-headers": "*" };
    return { status: 204, headers: { ...anybody, ...allowed }, body: "" };
  }
  if (method !== "GET" && method !== "HEAD")
    return { status: 405, headers: { ...anybody, allow: methods }, body: "" };
  const headers = { ...anybody, "content-type": "application/json" };
  return { status: 200, headers, body: JSON.stringify(resourceMetadata(settings)) };
}
