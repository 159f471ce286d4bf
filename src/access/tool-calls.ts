import { finished } from "node:stream";
import type { ContextInternals, ToolCall } from "../context/state.js";
import type { OutgoingInit } from "./outgoing-request.js";
import { isLeft, noteFailure } from "./server-troubles.js";

/** The tool calls of one request, from when it is sent. */
export interface ToolCallsSent {
  answered(response: Response): void;
  failed(error: unknown): void;
}

type OpenCall = { -readonly [Field in keyof ToolCall]: ToolCall[Field] };

const maxCalls = 200;
const maxName = 200;
/** Longer bodies are not read: to parse them costs more than to send them. */
const maxBody = 1_048_576;

/**
 * Records the tool calls of a request that is about to be sent; `undefined` where it has none. Only a POST whose
 * body is a string of at most 1 MiB is looked at, as both MCP SDKs and the frameworks send it.
 *
 * An answer in an event stream counts as received when the stream has ended or was canceled, any other one when its
 * headers have come. Node reports the end without wrapping the stream; in a runtime that cannot, an event stream
 * counts from its headers, too.
 */
export function beginToolCalls(
  internals: Pick<ContextInternals, "toolCalls" | "inFlight" | "serverTroubles">,
  serverLabel: string,
  init: OutgoingInit,
): ToolCallsSent | undefined {
  const names = toolNames(init);
  if (names.length === 0) return undefined;
  const { toolCalls, inFlight } = internals;
  const calls = names.slice(-maxCalls).map((name): OpenCall => ({ serverLabel, name, state: "under_way" }));
  toolCalls.push(...calls);
  if (toolCalls.length > maxCalls) toolCalls.splice(0, toolCalls.length - maxCalls);
  const { promise, resolve } = settlement();
  inFlight.add(promise);

  const settle = (state: ToolCall["state"]): void => {
    for (const call of calls) call.state = state;
    inFlight.delete(promise);
    resolve();
  };
  const failed = (error: unknown): void => settle(isLeft(init, error) ? "under_way" : "failed");
  return {
    failed,
    answered(response) {
      if (!response.ok) return settle("failed");
      const ending = (error: unknown): void => {
        if (error === undefined || error === null) return settle("answered");
        noteFailure(internals, serverLabel, init, error);
        failed(error);
      };
      if (!isEventStream(response) || !tellsItsEnd(response.body, ending)) settle("answered");
    },
  };
}

/** The tools that a body calls, by name. */
function toolNames({ method, body }: OutgoingInit): readonly string[] {
  if (method !== "POST" || typeof body !== "string") return none;
  if (body.length > maxBody || !body.includes('"tools/call"')) return none;
  try {
    const message: unknown = JSON.parse(body);
    if (Array.isArray(message)) return message.flatMap((one) => toolName(one) ?? []);
    const name = toolName(message);
    return name === undefined ? none : [name];
  } catch {
    return none;
  }
}

const none: readonly string[] = [];

function toolName(message: unknown): string | undefined {
  const { method, params } = Object(message) as { method?: unknown; params?: unknown };
  const { name } = Object(params) as { name?: unknown };
  return method === "tools/call" && typeof name === "string" ? name.slice(0, maxName) : undefined;
}

function isEventStream({ headers }: Response): boolean {
  return headers.get("content-type")?.startsWith("text/event-stream") === true;
}

/** Calls `onEnd` when a body has ended; false where the runtime cannot tell. */
function tellsItsEnd(body: Response["body"], onEnd: (error: unknown) => void): boolean {
  if (body === null) return false;
  try {
    // finished() takes web streams since Node 19.5 (nodejs.org, stream.finished); its declarations do not say so.
    finished(body as unknown as NodeJS.ReadableStream, onEnd);
    return true;
  } catch {
    return false;
  }
}

function settlement(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
