import type { OutputItem } from "../foundry/items.js";
import type { OpenItem } from "./open-item.js";
import type { OutputItems } from "./output-items.js";

/**
 * The items of a run's own events. Each model call counts its output from 0 and some reuse ids, so a name stands
 * for the newest item that carries it, and is forgotten when its model call ends.
 */
export interface RunItems {
  /** The open item that an event names, by its id or else by its index. */
  find(id: unknown, index: unknown): OpenItem | undefined;
  isOpen(id: string | undefined): boolean;
  /** Whether an item with this id has been written whole in this model call. */
  isDone(id: string | undefined): boolean;
  /** Whether an item without id was written whole at this index of this model call. */
  wasAt(id: string | undefined, index: number): boolean;
  /** The item, without its id if another item of the response has it already. */
  withFreeId(item: OutputItem): OutputItem;
  began(opened: OpenItem, id: string | undefined, index: unknown): void;
  finished(opened: OpenItem, id: string | undefined): void;
  /** Forgets the names of a model call that has ended; ids of items that are still open stay known. */
  forget(): void;
}

/** Starts without items. */
export function runItems(items: Pick<OutputItems, "isOpen">): RunItems {
  // Open items only: what is done is found by no name, and a run may have many model calls beside many open items.
  const byId = new Map<string, OpenItem>();
  const byIndex = new Map<number, OpenItem>();
  let done: Set<string> | undefined;
  const used = new Set<string>();
  const open = (item: OpenItem | undefined): OpenItem | undefined =>
    item !== undefined && items.isOpen(item) ? item : undefined;

  return {
    find: (id, index) =>
      open(typeof id === "string" ? byId.get(id) : undefined) ??
      open(typeof index === "number" ? byIndex.get(index) : undefined),
    isOpen: (id) => id !== undefined && open(byId.get(id)) !== undefined,
    isDone: (id) => id !== undefined && done?.has(id) === true,
    wasAt(id, index) {
      const known = byIndex.get(index);
      return id === undefined && known !== undefined && !items.isOpen(known);
    },
    withFreeId: (item) => (item.id !== undefined && used.has(item.id) ? { ...item, id: undefined } : item),
    began(opened, id, index) {
      used.add(opened.id);
      if (id !== undefined) {
        byId.set(id, opened);
        opened.runId = id;
      }
      if (typeof index === "number") byIndex.set(index, opened);
    },
    finished(opened, id) {
      used.add(opened.id);
      done ??= new Set();
      done.add(id ?? opened.id);
      if (opened.runId !== undefined) byId.delete(opened.runId);
    },
    forget() {
      byIndex.clear();
      done = undefined;
    },
  };
}
