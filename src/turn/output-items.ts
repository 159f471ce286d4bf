import type { ResponseEvent } from "../foundry/events.js";
import { newItemId } from "../foundry/ids.js";
import { type AgentReference, type OutputItem } from "../foundry/items.js";
import { noContent } from "./item-content.js";
import { closingEvents, type EarlyEnd, type OpenItem } from "./open-item.js";
import type { Unnumbered } from "./run-output.js";
import { type RandomBytes } from "../runtime/random.js";

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
