import type { ServerResponse } from "node:http";
import { vi } from "vitest";

/** What a model does wrong. All are tried with every documented program that calls one. */
export const modelFailures = [
  "answers 401",
  "ends half way, as if it were done",
  "breaks off half way",
  "reports an error half way",
  "cannot be reached",
] as const;

export type ModelFailure = (typeof modelFailures)[number];

/** What it has said before it fails half way. */
export const halfOfTheAnswer = "Half of the ans";

/** Answers one request so, in the wire format that its path asks for: chat completions or Responses. */
export function failWith(failure: ModelFailure, path: string, response: ServerResponse): void {
  if (failure === "cannot be reached") return void response.destroy();
  if (failure === "answers 401") {
    response.writeHead(401, { "content-type": "application/json" });
    const error = { message: "Incorrect API key provided.", type: "invalid_request_error", param: null };
    return void response.end(JSON.stringify({ error: { ...error, code: "invalid_api_key" } }));
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const isResponses = path.endsWith("/responses");
  response.write((isResponses ? halfOfResponses() : halfOfChat()).map(sse).join(""));
  if (failure === "ends half way, as if it were done") return void response.end();
  // Not before the half has arrived.
  if (failure === "breaks off half way") return void setTimeout(() => response.destroy(), 20);
  const error = {
    message: "The model has crashed.",
    type: "server_error",
    param: null,
    code: "server_error",
  };
  response.end(sse(isResponses ? { ...error, type: "error", sequence_number: 9 } : { error }));
}

function halfOfChat(): object[] {
  const base = { id: "chatcmpl-half", created: 1, model: "scripted", object: "chat.completion.chunk" };
  return [{ role: "assistant", content: "Half of " }, { content: "the ans" }].map((delta) => ({
    ...base,
    choices: [{ index: 0, delta, finish_reason: null }],
  }));
}

function halfOfResponses(): object[] {
  const response = { id: "resp_half", object: "response", created_at: 1, model: "scripted", output: [] };
  const place = { item_id: "msg_half", output_index: 0 };
  const item = { type: "message", id: "msg_half", role: "assistant", status: "in_progress", content: [] };
  const part = { type: "output_text", text: "", annotations: [] };
  const delta = { type: "response.output_text.delta", ...place, content_index: 0, logprobs: [] };
  return [
    { type: "response.created", response: { ...response, status: "in_progress" } },
    { type: "response.output_item.added", output_index: 0, item },
    { type: "response.content_part.added", ...place, content_index: 0, part },
    { ...delta, delta: "Half of " },
    { ...delta, delta: "the ans" },
  ].map((event, sequence_number) => ({ ...event, sequence_number }));
}

function sse(data: object): string {
  const { type } = data as { type?: string };
  return `${type === undefined ? "" : `event: ${type}\n`}data: ${JSON.stringify(data)}\n\n`;
}

/**
 * Frameworks ask again when a model cannot be reached, and wait in between: LangChain for a minute in all. Makes such
 * waits short, and no other timer. `restoreMocks` ends it.
 */
export function hurryRetries(): void {
  const { setTimeout: wait } = globalThis;
  const hurried = (run: () => void, ms?: number, ...args: []) =>
    wait(run, /retry/i.test(new Error().stack ?? "") ? 1 : ms, ...args);
  vi.spyOn(globalThis, "setTimeout").mockImplementation(hurried as typeof setTimeout);
}
