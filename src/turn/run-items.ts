import type { OutputItem } from "../foundry/items.js";
import { isOpen, type OutputItems, type OpenItem } from "./output-items.js";

/**
 * The items of a run's own events. Each model call counts its output from 0 and some reuse ids, so a name stands
 * for the newest item that carries it, and is forgotten when its model call ends. Data, and functions that take it:
 * many streams are open at a time.
 */
export interface RunItems {
  readonly items: OutputItems;
  /**
   * By the ids and the indexes that the run uses. Open items only, and those of the model call that goes on: a run may
   * have many model calls beside many open items.
   */
  readonly byName: Map<string | number, OpenItem>;
  /** The indexes of this model call. Made with the first: what is pushed to an empty list has room for 17. */
  indexes: number[] | undefined;
  /** The ids that the response has, with the model call in which each was written whole, or 0. */
  readonly ids: Map<string, number>;
  /** Counts the model calls, from 1. */
  call: number;
}

/** Starts without items. */
export function runItems(items: OutputItems): RunItems {
  return { items, byName: new Map(), indexes: undefined, ids: new Map(), call: 1 };
}

/** The open item that an event names, by its id or else by its index. */
export function findItem(own: RunItems, id: unknown, index: unknown): OpenItem | undefined {
  return (
    openIn(own, typeof id === "string" ? id : undefined) ??
    openIn(own, typeof index === "number" ? index : undefined)
  );
}

/** Whether an item with this id has been written whole in this model call. */
export function isDone({ ids, call }: RunItems, id: string | undefined): boolean {
  return id !== undefined && ids.get(id) === call;
}

/** Whether an item without id was written whole at this index of this model call. */
export function wasAt({ byName, items }: RunItems, id: string | undefined, index: number): boolean {
  const known = byName.get(index);
  return id === undefined && known !== undefined && !isOpen(items, known);
}

/** The item, without its id if another item of the response has it already. */
export function withFreeId({ ids }: RunItems, item: OutputItem): OutputItem {
  return item.id !== undefined && ids.has(item.id) ? { ...item, id: undefined } : item;
}

/** Remembers an item that was begun, by the names the run gives it. */
export function itemBegan(own: RunItems, opened: OpenItem, id: string | undefined, index: unknown): void {
  own.ids.set(opened.id, 0);
  if (id !== undefined) {
    own.byName.set(id, opened);
    opened.runId = id;
  }
  if (typeof index === "number") {
    own.byName.set(index, opened);
    if (own.indexes === undefined) own.indexes = [index];
    else own.indexes.push(index);
  }
}

/** Remembers that an item was written whole. */
export function itemFinished(
  { ids, byName, call }: RunItems,
  opened: OpenItem,
  id: string | undefined,
): void {
  ids.set(opened.id, call);
  if (id !== undefined) ids.set(id, call);
  if (opened.runId !== undefined) byName.delete(opened.runId);
}

/** Forgets the names of a model call that has ended; ids of items that are still open stay known. */
export function modelCallEnded(own: RunItems): void {
  for (const index of own.indexes ?? []) own.byName.delete(index);
  own.indexes = undefined;
  own.call += 1;
}

function openIn({ byName, items }: RunItems, name: string | number | undefined): OpenItem | undefined {
  const item = name === undefined ? undefined : byName.get(name);
  return item !== undefined && isOpen(items, item) ? item : undefined;
}
