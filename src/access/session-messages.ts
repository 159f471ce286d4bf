import type { OutgoingInit } from "./outgoing-request.js";
import type { RequestHeaders } from "./types.js";

/** A message of the client to the server, in the session of a request. */
export function inSessionOf(init: OutgoingInit, body: string): OutgoingInit {
  const { "last-event-id": _resumed, "mcp-method": _method, "mcp-name": _name, ...kept } = init.headers;
  const headers = {
    ...kept,
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
  };
  return { ...init, method: "POST", headers, body, signal: null };
}

/** Asks for the rest of the answer to a request. Source: MCP 2025-11-25, transports, resumability and redelivery. */
export function restOf<Init extends { readonly headers?: RequestHeaders }>(
  init: Init,
  lastEventId: string,
): Init & { method: string; headers: Record<string, string>; body: null } {
  const headers: Record<string, string> = { accept: "text/event-stream", "last-event-id": lastEventId };
  new Headers(init.headers).forEach((value, name) => {
    if (!ofTheBody.has(name)) headers[name] ??= value;
  });
  return { ...init, method: "GET", headers, body: null };
}

const ofTheBody: ReadonlySet<string> = new Set(["content-type", "mcp-method", "mcp-name"]);
