import type { OutputItem, OutputTextPart } from "../foundry/items.js";

/** An output item that was begun and not ended, and what has been streamed of it. */
export interface OpenItem {
  readonly index: number;
  readonly id: string;
  readonly item: OutputItem;
  readonly parts: Map<number, OpenPart>;
  /** Streamed arguments of a function call. */
  args: string;
}

interface OpenPart {
  part: Record<string, unknown>;
  text: string;
  textDone: boolean;
  done: boolean;
}

/** An event without its number. */
export interface Unnumbered {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Notes what an event adds to an open item, so that the item can be ended early with what was shown. */
export function noteEvent(open: OpenItem, event: Unnumbered): void {
  const at = typeof event["content_index"] === "number" ? event["content_index"] : 0;
  const text = (field: string): string => (typeof event[field] === "string" ? event[field] : "");
  if (event.type === "response.function_call_arguments.delta") open.args += text("delta");
  if (event.type === "response.function_call_arguments.done") open.args = text("arguments");
  if (event.type === "response.content_part.added") {
    open.parts.set(at, { part: { ...Object(event["part"]) }, text: "", textDone: false, done: false });
  }
  const part = open.parts.get(at);
  if (part === undefined) return;
  if (event.type === "response.output_text.delta") part.text += text("delta");
  if (event.type === "response.output_text.done") Object.assign(part, { text: text("text"), textDone: true });
  if (event.type === "response.content_part.done")
    Object.assign(part, { part: { ...Object(event["part"]) }, done: true });
}

/** The events that end an open item, complete or not, with what has been streamed of it. */
export function* closingEvents(open: OpenItem, status: "completed" | "incomplete"): Generator<Unnumbered> {
  const { id: item_id, index: output_index, parts } = open;
  const content: unknown[] = [];
  for (const [content_index, { part, text, textDone, done }] of parts) {
    const whole = !done && part["type"] === "output_text" ? { ...part, text } : part;
    content.push(whole);
    if (done) continue;
    const place = { item_id, output_index, content_index };
    if (part["type"] === "output_text" && !textDone)
      yield { type: "response.output_text.done", ...place, text, logprobs: [] };
    yield { type: "response.content_part.done", ...place, part: whole };
  }
  yield { type: "response.output_item.done", output_index, item: closedItem(open, content, status) };
}

function closedItem({ item, args }: OpenItem, content: readonly unknown[], status: string): OutputItem {
  const known = item as { content?: unknown; status?: unknown; arguments?: unknown };
  return {
    ...item,
    ...(item.type === "message" || known.status !== undefined ? { status } : {}),
    ...(content.length > 0 ? { content } : {}),
    ...(typeof known.arguments === "string" && args !== "" ? { arguments: args } : {}),
  };
}

/** An empty piece of answer text. */
export const emptyText: OutputTextPart = Object.freeze({
  type: "output_text",
  text: "",
  annotations: [],
  logprobs: [],
});
