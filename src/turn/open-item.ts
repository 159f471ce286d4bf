import type { OutputItem, OutputTextPart } from "../foundry/items.js";
import { itemWithContent, openParts, wholePart, type ItemContent, type Part } from "./item-content.js";
import type { Unnumbered } from "./run-output.js";

/** An output item that was begun and not ended, and what has been streamed of it. */
export interface OpenItem {
  readonly index: number;
  readonly id: string;
  readonly item: OutputItem;
  readonly content: ItemContent;
  /** What the run calls it in its own events, where it gave it an id. */
  runId?: string;
}

/** How an item ends that its run has not ended. */
export type EarlyEnd = "completed" | "incomplete";

/** The events that end an open item with what has been streamed of it. */
export function* closingEvents(open: OpenItem, status: EarlyEnd): Generator<Unnumbered> {
  const { id: item_id, index: output_index, item, content } = open;
  const { content: parts, summary } = openParts(content);
  for (const [content_index, part] of parts) {
    yield* partEnd("response.content_part.done", part, { item_id, output_index, content_index });
  }
  for (const [summary_index, part] of summary) {
    yield* partEnd("response.reasoning_summary_part.done", part, { item_id, output_index, summary_index });
  }
  const whole = { ...itemWithContent(item, content), ...statusOf(item, status) };
  yield { type: "response.output_item.done", output_index, item: whole };
}

function* partEnd(type: string, part: Part, place: object): Generator<Unnumbered> {
  const whole = wholePart(part);
  const { type: kind } = whole;
  // The run's own word for it: no text at all, or the name of something that every object has.
  const textEnd = typeof kind === "string" && Object.hasOwn(textEnds, kind) ? textEnds[kind] : undefined;
  if (textEnd !== undefined && !part.textDone)
    yield { ...textEnd, ...place, [part.field]: part.texts.join("") };
  yield { type, ...place, part: whole };
}

/** The event that ends the text of each kind of part. */
const textEnds: Readonly<Record<string, Unnumbered>> = {
  output_text: { type: "response.output_text.done", logprobs: [] },
  refusal: { type: "response.refusal.done" },
  reasoning_text: { type: "response.reasoning_text.done" },
  summary_text: { type: "response.reasoning_summary_text.done" },
};

/**
 * Items whose schema has a status. Those that have no word for "incomplete" take the nearest one: an unfinished
 * image or patch has failed, it is not done. Source: openai 7.59, `ResponseOutputItem`.
 */
function statusOf(item: OutputItem, status: EarlyEnd): { readonly status?: string } {
  const known = item as { readonly status?: unknown };
  if (item.type !== "message" && known.status === undefined) return {};
  return { status: status === "incomplete" ? (ownStatus(item.type) ?? status) : status };
}

function ownStatus(type: string): string | undefined {
  return Object.hasOwn(unfinished, type) ? unfinished[type] : undefined;
}

const unfinished: Readonly<Record<string, string>> = {
  image_generation_call: "failed",
  apply_patch_call: "in_progress",
  apply_patch_call_output: "failed",
};

/** An empty piece of answer text. */
export const emptyText: OutputTextPart = Object.freeze({
  type: "output_text",
  text: "",
  annotations: [],
  logprobs: [],
});
