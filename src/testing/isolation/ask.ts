import { setTimeout as sleep } from "node:timers/promises";
import { eventCutter, sseEvent } from "../foundry/sse.js";

/** One request to the agent. */
export interface Asking {
  readonly agent: string | URL | ((request: Request) => Response | Promise<Response>);
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly leaveAfterMs?: number | undefined;
  readonly readMs: number;
  readonly timeoutMs: number;
  /** Told once, as soon as the answer says which response it is. */
  readonly onResponse?: ((responseId: string) => void) | undefined;
}

/** What came back, also of an answer that ended early. */
export interface Answer {
  /** All bytes as text, and the text deltas of a stream put together. */
  readonly text: string;
  /** Whether it came to its end, and the agent says that it is a whole answer. */
  readonly complete: boolean;
  /** Why not, in a word or two of the agent's or ours; nothing of the answer's text. */
  readonly outcome: string;
  /** Whether the agent says that the response was cancelled. */
  readonly cancelled: boolean;
  /** For `previous_response_id`. */
  readonly responseId: string | undefined;
}

const maxBytes = 4 * 1024 * 1024;

/** Asks once, reads at the person's pace, and leaves when they leave. */
export async function ask(asking: Asking): Promise<Answer> {
  const { agent, leaveAfterMs, timeoutMs } = asking;
  const stop = new AbortController();
  let ended: "left" | "timed out" | undefined;
  const end = (why: "left" | "timed out"): void => {
    ended ??= why;
    stop.abort();
  };
  const timers = [setTimeout(() => end("timed out"), timeoutMs)];
  if (leaveAfterMs !== undefined) timers.push(setTimeout(() => end("left"), leaveAfterMs));
  const pieces: string[] = [];
  try {
    const request = requestOf(asking, stop.signal);
    const response = await (typeof agent === "function" ? orGone(agent(request), request) : fetch(request));
    await read(response, asking, pieces, stop.signal);
    return answerOf(pieces.join(""), ended ?? (response.ok ? "" : `status ${response.status}`));
  } catch (error) {
    return answerOf(pieces.join(""), ended ?? `no answer (${nameOf(error)})`);
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}

/** Sends a POST without a body, and returns the text of what came, "" for nothing. Never rejects. */
export async function sendTo({
  agent,
  path,
  headers,
  timeoutMs,
}: Pick<Asking, "agent" | "headers" | "timeoutMs"> & { readonly path: string }): Promise<string> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeoutMs);
  try {
    const request = new Request(`${baseOf(agent)}${path}`, {
      method: "POST",
      headers: { accept: "application/json", ...headers },
      redirect: "error",
      signal: stop.signal,
    });
    const response = await (typeof agent === "function" ? orGone(agent(request), request) : fetch(request));
    return (await response.text()).slice(0, maxBytes);
  } catch {
    return "";
  } finally {
    clearTimeout(timer);
  }
}

function baseOf(agent: Asking["agent"]): string {
  return typeof agent === "function" ? "http://agent.invalid" : String(agent).replace(/\/+$/, "");
}

function requestOf({ agent, body, headers }: Asking, signal: AbortSignal): Request {
  const accept = body["stream"] === true ? "text/event-stream" : "application/json";
  return new Request(`${baseOf(agent)}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json", accept, ...headers },
    body: JSON.stringify(body),
    redirect: "error",
    signal,
  });
}

/** A function for an agent need not look at the signal of its request. */
function orGone(answer: Response | Promise<Response>, { signal }: Request): Promise<Response> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    Promise.resolve(answer).then(resolve, reject);
  });
}

async function read(
  response: Response,
  { readMs, onResponse }: Asking,
  pieces: string[],
  signal: AbortSignal,
): Promise<void> {
  const decoder = new TextDecoder();
  let bytes = 0;
  const reader = response.body?.getReader();
  let tell = (soFar: readonly string[]): void => {
    const { responseId } = answerOf(soFar.join(""), "");
    if (responseId === undefined || onResponse === undefined) return;
    tell = () => undefined;
    onResponse(responseId);
  };
  const cancel = (): void => void reader?.cancel().catch(() => undefined);
  signal.addEventListener("abort", cancel);
  try {
    while (reader !== undefined && !signal.aborted) {
      const { done, value } = await reader.read();
      if (done) return;
      bytes += value.byteLength;
      pieces.push(decoder.decode(value, { stream: true }));
      tell(pieces);
      if (bytes > maxBytes) throw new RangeError("too long");
      if (readMs > 0) await sleep(readMs);
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

/** Responses that are not a whole answer. Source: OpenAI Responses, the status of a response. */
const notWhole = new Set(["failed", "incomplete", "cancelled", "in_progress", "queued"]);

function answerOf(raw: string, trouble: string): Answer {
  const events = raw.trimStart().startsWith("{") ? [objectIn(raw)] : eventsIn(raw);
  const responses = events.map((event) => Object(event["response"] ?? event) as Record<string, unknown>);
  const last = responses.findLast(({ status }) => typeof status === "string");
  const deltas = events.map(({ delta }) => (typeof delta === "string" ? delta : "")).join("");
  const status = typeof last?.["status"] === "string" ? last["status"] : "";
  const failure = [...responses, ...events]
    .map(({ error }) => Object(error) as { code?: unknown })
    .findLast(({ code }) => isWord(code));
  const outcome = [trouble, notWhole.has(status) ? status : "", isWord(failure?.code) ? failure.code : ""];
  const id = responses.findLast((response) => isWord(response["id"]) && "output" in response)?.["id"];
  return {
    text: `${raw}\n${deltas}`,
    complete: trouble === "" && raw !== "" && !notWhole.has(status),
    outcome: outcome.filter((part) => part !== "").join(", "),
    cancelled: status === "cancelled",
    responseId: typeof id === "string" ? id : undefined,
  };
}

function eventsIn(raw: string): Record<string, unknown>[] {
  const cutter = eventCutter();
  const blocks = [...cutter.push(new TextEncoder().encode(raw)), cutter.rest()];
  return blocks.map((block) => objectIn(sseEvent(block)?.data ?? ""));
}

function objectIn(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** Codes and ids are words; what is longer could be anything. */
function isWord(value: unknown): value is string {
  return typeof value === "string" && /^[\w.:-]{1,80}$/.test(value);
}

function nameOf(error: unknown): string {
  const { name, cause } = Object(error) as { name?: unknown; cause?: unknown };
  const { code } = Object(cause) as { code?: unknown };
  return isWord(code) ? code : isWord(name) ? name : "error";
}
