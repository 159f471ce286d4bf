import { HostedAgentIdentityError } from "../errors.js";
import type { ErrorCause } from "../errors/facts.js";
import { emit, type OnEvent } from "../events/events.js";
import type { OutgoingInit } from "./outgoing-request.js";

/**
 * Whether a request asks for a stream on which its server talks by itself: a GET for an event stream, or
 * `subscriptions/listen`. A GET that resumes a dropped answer (`last-event-id`) is none, and neither is one of a REST
 * client. Source: MCP 2025-11-25, transports, listening for messages; MCP 2026-07-28, subscriptions.
 */
export function asksForStandaloneStream({ method, headers }: OutgoingInit): boolean {
  if (method === "POST") return headers["mcp-method"] === "subscriptions/listen";
  if (method !== "GET" || headers["last-event-id"] !== undefined) return false;
  return headers["accept"]?.includes("text/event-stream") === true;
}

/** Answers a request for such a stream. */
export type StandaloneRefusal = (init: OutgoingInit) => Promise<Response>;

/** What a refusal depends on. */
export interface StandaloneRefusalOptions {
  /** What the developer has set. */
  readonly mode: "pool" | "refuse" | "allow" | undefined;
  readonly serverLabel: string;
  readonly onEvent: OnEvent | undefined;
  readonly cause?: ErrorCause | undefined;
}

/**
 * How streams that would stay bound to whoever connected first are refused; `undefined` where they are allowed. A
 * server that waits for the answer to a question would wait in vain, so the refusal is an event and an error, unless the
 * developer has asked for it: then it is the 405 of a server without such a stream.
 */
export function standaloneRefusal({
  mode,
  serverLabel,
  onEvent,
  cause,
}: StandaloneRefusalOptions): StandaloneRefusal | undefined {
  if (mode === "allow") return undefined;
  return async ({ method, body }) => {
    const refused = new HostedAgentIdentityError("standalone_stream_refused", undefined, cause);
    if (mode !== "refuse") emit(onEvent, { type: "standalone_stream_refused", serverLabel });
    if (method === "GET") {
      if (mode !== "refuse") throw refused;
      return new Response(null, { status: 405, headers: { allow: "POST, DELETE" } });
    }
    const error = { code: -32_601, message: `${refused.message} ${refused.help}` };
    return Response.json({ jsonrpc: "2.0", id: requestId(body), error });
  };
}

function requestId(body: unknown): string | number | null {
  try {
    const id: unknown = (JSON.parse(typeof body === "string" ? body : "null") as { id?: unknown } | null)?.id;
    return typeof id === "string" || typeof id === "number" ? id : null;
  } catch {
    return null;
  }
}
