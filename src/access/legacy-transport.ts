import { withDeadline } from "../async/deadline.js";
import { HostedAgentIdentityError } from "../errors.js";
import { isEventStream } from "./event-stream.js";
import type { OutgoingInit } from "./outgoing-request.js";

/** How long a server may take to say what it speaks, in milliseconds. Its first event comes at once. */
const maxMs = 2_000;
/** How much of a stream is read for its first event, in characters. */
const maxStart = 4_096;

/** Whether an answer may mean that a server has no Streamable HTTP at this address. Source: MCP 2025-11-25, transports. */
export function mayBeLegacy({ method, body }: OutgoingInit, { status }: Response): boolean {
  if (method !== "POST" || (status !== 404 && status !== 405) || typeof body !== "string") return false;
  return /"method"\s*:\s*"(?:initialize|server\/discover)"/.test(body);
}

/** Whether an event tells where a client of the HTTP+SSE transport posts to. Source: MCP 2024-11-05, transports. */
export function isEndpointEvent(event: string): boolean {
  return /^event: ?endpoint\r?$/m.test(event);
}

export function legacyTransportError(serverLabel: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "legacy_transport",
    `${JSON.stringify(serverLabel)} speaks only the older HTTP+SSE transport at this address.`,
  );
}

/**
 * The error for a server that has only the HTTP+SSE transport of 2024-11-05: its answer to GET begins with the event
 * `endpoint`. `undefined` for any other answer, and where none comes. `get` sends the GET.
 */
export async function legacyTransport(
  serverLabel: string,
  signal: AbortSignal | null | undefined,
  get: (init: OutgoingInit) => Promise<Response>,
): Promise<HostedAgentIdentityError | undefined> {
  const late = (): Error => new Error("The server does not say what it speaks.");
  try {
    const start = await withDeadline(maxMs, signal ?? undefined, late, async (ends) => {
      const headers = { accept: "text/event-stream" };
      return startOf(await get({ method: "GET", headers, signal: ends }));
    });
    if (!isEndpointEvent(start)) return undefined;
  } catch {
    // The first answer is what the caller gets.
    return undefined;
  }
  return legacyTransportError(serverLabel);
}

/** The first event of an event stream, which is then ended. */
async function startOf(response: Response): Promise<string> {
  const isStream = isEventStream(response);
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  let text = "";
  try {
    while (isStream && text.length < maxStart && !/\r?\n\r?\n/.test(text)) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
    return text.slice(0, maxStart);
  } finally {
    await reader.cancel().catch(() => {});
  }
}
