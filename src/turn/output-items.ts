import type { ResponseEvent } from "../foundry/events.js";
import { newItemId } from "../foundry/ids.js";
import type { AgentReference, OutputItem, OutputTextPart } from "../foundry/items.js";
import type { RandomBytes } from "../runtime/runtime.js";
import {
  noContent,
  itemWithContent,
  openParts,
  wholePart,
  type ItemContent,
  type Part,
} from "./item-content.js";
import type { Unnumbered } from "./run-output.js";

/** What items are made with. */
export interface OutputItemsOptions {
  readonly responseId: string;
  readonly agentReference: AgentReference | undefined;
  readonly random: RandomBytes;
}

/**
 * The output of a response: items that are done, and items that are being written. Data, and functions that take it:
 * many streams are open at a time.
 */
export interface OutputItems extends OutputItemsOptions {
  /** By output index. There are holes where items are still open. */
  readonly done: OutputItem[];
  readonly open: Map<number, OpenItem>;
  nextIndex: number;
  /** The number of the response's next event. */
  nextNumber: number;
}

/** Starts an empty output. Ids are made where they are missing, and every item is stamped. */
export function outputItems({ responseId, agentReference, random }: OutputItemsOptions): OutputItems {
  return { responseId, agentReference, random, done: [], open: new Map(), nextIndex: 0, nextNumber: 0 };
}

/** Gives an event of the response its number. The event is the turn's own: writing into it keeps a delta cheap. */
export function numbered(items: OutputItems, event: Unnumbered): ResponseEvent {
  return Object.assign(event as object, { sequence_number: items.nextNumber++ }) as ResponseEvent;
}

/** What is done, in the order of the output indexes. */
export function doneItems({ done }: OutputItems): readonly OutputItem[] {
  return done.filter((item) => item !== undefined);
}

/** What is done, and what is being written. */
export function outputSoFar(items: OutputItems): readonly OutputItem[] {
  return [...doneItems(items), ...[...items.open.values()].map(({ item }) => item)];
}

/** Whether an item is still being written. */
export function isOpen({ open }: OutputItems, { index }: OpenItem): boolean {
  return open.has(index);
}

/** Begins an item at the next free index. */
export function beginItem(items: OutputItems, given: OutputItem): [OpenItem, ResponseEvent] {
  const item = stamped(items, given);
  const opened: OpenItem = { index: items.nextIndex++, id: item.id, item, content: noContent() };
  items.open.set(opened.index, opened);
  const event = { type: "response.output_item.added", output_index: opened.index, item };
  return [opened, numbered(items, event)];
}

/** Ends an item with its final form. */
export function finishItem(items: OutputItems, opened: OpenItem, given: OutputItem): ResponseEvent {
  const item = stamped(items, { ...given, id: opened.id });
  items.open.delete(opened.index);
  items.done[opened.index] = item;
  return numbered(items, { type: "response.output_item.done", output_index: opened.index, item });
}

/** Ends an item with what has been streamed of it. */
export function closeItem(items: OutputItems, opened: OpenItem, status: EarlyEnd): ResponseEvent[] {
  return [...closingEvents(opened, status)].map((event) =>
    event.type === "response.output_item.done"
      ? finishItem(items, opened, event["item"] as OutputItem)
      : numbered(items, event),
  );
}

function stamped(
  { responseId, agentReference, random }: OutputItems,
  item: OutputItem,
): OutputItem & { id: string } {
  const id =
    typeof item.id === "string" && item.id !== "" ? item.id : newItemId(item.type, random, responseId);
  const reference = agentReference === undefined ? {} : { agent_reference: agentReference };
  return { ...item, ...reference, ...{ response_id: responseId }, id };
}

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
type EarlyEnd = "completed" | "incomplete";

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
