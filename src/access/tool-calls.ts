import { finished } from "node:stream";
import type { ContextInternals, ToolCall, ServerTrouble } from "../context/state.js";
import { isEventStream } from "./event-stream.js";
import { isNetworkError, isOfSilence } from "./network-error.js";
import type { OutgoingInit } from "./outgoing-request.js";

/** The tool calls of one request, from when it is sent. */
export interface ToolCallsSent {
  /** The server asked the user to open a page, in place of the answer or while it works on it. */
  asked(): void;
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

  let settled = false;
  const settle = (state: ToolCall["state"]): void => {
    // What comes after a server has asked is the answer to that.
    if (settled) return;
    settled = true;
    for (const call of calls) call.state = state;
    inFlight.delete(promise);
    resolve();
  };
  const failed = (error: unknown): void => settle(isLeft(init, error) ? "under_way" : "failed");
  return {
    asked: () => settle("asked"),
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
  const begun = beginning.exec(body);
  if (begun !== null && body.length <= maxBody) return [begun[1] ?? ""];
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

/**
 * How both MCP SDKs begin a call: method, then the name of the tool. `JSON.parse` of all arguments costs more than the
 * rest of this record. A name with an escape, or a body of another order, is parsed.
 */
const beginning =
  /^\{(?:"jsonrpc":"2\.0",)?(?:"id":(?:\d{1,16}|"[\w-]{1,64}"),)?"method":"tools\/call","params":\{"name":"([\w./:-]{1,200})"[,}]/;

const none: readonly string[] = [];

function toolName(message: unknown): string | undefined {
  const { method, params } = Object(message) as { method?: unknown; params?: unknown };
  const { name } = Object(params) as { name?: unknown };
  return method === "tools/call" && typeof name === "string" ? name.slice(0, maxName) : undefined;
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

type Troubles = Pick<ContextInternals, "serverTroubles">;

/** Notes what an answer says about its server: a 5xx is trouble, and any other status ends it. */
export function noteAnswer(
  { serverTroubles }: Troubles,
  serverLabel: string,
  init: OutgoingInit,
  { status }: Response,
): void {
  if (status < 500) {
    if (serverTroubles.size > 0 && tellsOfTheServer(init)) serverTroubles.delete(serverLabel);
  } else if (tellsOfTheServer(init)) {
    note(serverTroubles, { serverLabel, kind: "status", status });
  }
}

/** Notes that no answer came, or that it broke off, unless the caller stopped waiting. */
export function noteFailure(
  { serverTroubles }: Troubles,
  serverLabel: string,
  init: OutgoingInit,
  error: unknown,
): void {
  if (isLeft(init, error) || !isNetworkError(error) || !tellsOfTheServer(init)) return;
  note(serverTroubles, { serverLabel, kind: "unreachable", silent: isOfSilence(error) });
}

/** Whether the caller stopped waiting. A time limit of the caller's does not count: no answer came in time. */
function isLeft({ signal }: Pick<RequestInit, "signal">, error: unknown): boolean {
  return signal?.aborted === true && nameOf(error) !== "TimeoutError";
}

/**
 * Whether a request is one that the turn depends on. A run closes its session after the call that failed, and a
 * standalone stream is optional: neither explains a failure, nor does its success end one.
 */
function tellsOfTheServer({ method, headers }: OutgoingInit): boolean {
  if (method === "DELETE") return false;
  return method !== "GET" || headers["accept"]?.includes("text/event-stream") !== true;
}

/** Notes that the answer to a request broke off. */
export function noteBreak({ serverTroubles }: Troubles, serverLabel: string, cause: unknown): void {
  note(serverTroubles, { serverLabel, kind: "unreachable", silent: isOfSilence(cause) });
}

/** The newest stands last. */
function note(troubles: Map<string, ServerTrouble>, trouble: ServerTrouble): void {
  troubles.delete(trouble.serverLabel);
  troubles.set(trouble.serverLabel, trouble);
}

function nameOf(error: unknown): unknown {
  return (error as { name?: unknown } | null | undefined)?.name;
}
