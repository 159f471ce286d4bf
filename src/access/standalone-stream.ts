import type { OutgoingInit } from "./outgoing-request.js";

/**
 * The answer to a request for a stream that would stay bound to whoever connected first, or `undefined` for
 * any other request. A GET that resumes a dropped tool call (`last-event-id`) goes through, and so does a
 * GET of a REST client, which does not ask for an event stream.
 * Source: MCP 2025-11-25, transports (a server may answer GET with 405); MCP 2026-07-28 `subscriptions/listen`.
 */
export function refuseStandaloneStream({ method, headers, body }: OutgoingInit): Response | undefined {
  if (method === "GET") {
    const wantsStream = headers["accept"]?.includes("text/event-stream") === true;
    if (!wantsStream || headers["last-event-id"] !== undefined) return undefined;
    return new Response(null, { status: 405, headers: { allow: "POST, DELETE" } });
  }
  if (method !== "POST" || headers["mcp-method"] !== "subscriptions/listen") return undefined;
  return Response.json({
    jsonrpc: "2.0",
    id: requestId(body),
    error: {
      code: -32601,
      message: "subscriptions/listen is not available on a client that several users may share.",
    },
  });
}

function requestId(body: unknown): string | number | null {
  try {
    const id: unknown = (JSON.parse(typeof body === "string" ? body : "null") as { id?: unknown } | null)?.id;
    return typeof id === "string" || typeof id === "number" ? id : null;
  } catch {
    return null;
  }
}
