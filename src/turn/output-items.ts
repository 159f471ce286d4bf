import type { ResponseEvent } from "../foundry/events.js";
import { newItemId, type RandomBytes } from "../foundry/ids.js";
import { type AgentReference, type OutputItem } from "../foundry/items.js";
import { noContent } from "./item-content.js";
import { closingEvents, type EarlyEnd, type OpenItem } from "./open-item.js";
import type { Unnumbered } from "./run-output.js";

/** What items are made with. */
export interface OutputItemsOptions {
  readonly responseId: string;
  readonly agentReference: AgentReference | undefined;
  readonly random: RandomBytes;
  /** Gives an event its number. */
  readonly number: (event: Unnumbered) => ResponseEvent;
}

/** The output of a response: items that are done, and items that are being written. */
export interface OutputItems {
  /** What is done, in the order of the output indexes. */
  done(): readonly OutputItem[];
  open(): readonly OpenItem[];
  isOpen(item: OpenItem): boolean;
  /** Begins an item at the next free index. */
  begin(item: OutputItem): [OpenItem, ResponseEvent];
  /** Ends an item with its final form. */
  finish(open: OpenItem, item: OutputItem): ResponseEvent;
  /** Ends an item with what has been streamed of it. */
  close(open: OpenItem, status: EarlyEnd): ResponseEvent[];
}

/** Starts an empty output. Ids are made where they are missing, and every item is stamped. */
export function outputItems(options: OutputItemsOptions): OutputItems {
  const { responseId, agentReference, random, number } = options;
  const done: OutputItem[] = [];
  const open = new Map<number, OpenItem>();
  let nextIndex = 0;

  const stamped = (item: OutputItem): OutputItem & { id: string } => {
    const id =
      typeof item.id === "string" && item.id !== "" ? item.id : newItemId(item.type, random, responseId);
    const reference = agentReference === undefined ? {} : { agent_reference: agentReference };
    return { ...item, ...reference, ...{ response_id: responseId }, id };
  };

  const finish = (opened: OpenItem, given: OutputItem): ResponseEvent => {
    const item = stamped({ ...given, id: opened.id });
    open.delete(opened.index);
    done[opened.index] = item;
    return number({ type: "response.output_item.done", output_index: opened.index, item });
  };

  return {
    done: () => done.filter((item) => item !== undefined),
    open: () => [...open.values()],
    isOpen: ({ index }) => open.has(index),
    begin(given) {
      const item = stamped(given);
      const opened: OpenItem = { index: nextIndex++, id: item.id, item, content: noContent() };
      open.set(opened.index, opened);
      return [opened, number({ type: "response.output_item.added", output_index: opened.index, item })];
    },
    finish,
    close: (opened, status) =>
      [...closingEvents(opened, status)].map((event) =>
        event.type === "response.output_item.done"
          ? finish(opened, event["item"] as OutputItem)
          : number(event),
      ),
  };
}
