import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";

// Written from the protocol's documents, with nothing of src: what the writer thinks is right must not decide what
// is right. Source: Azure.AI.AgentServer.Responses, docs/api-behaviour-contract.md.

/** An event as it comes over the wire. */
export interface WireEvent {
  readonly type: string;
  readonly sequence_number: number;
  readonly output_index?: unknown;
  readonly item_id?: unknown;
  readonly item?: WireItem;
  readonly response?: WireResponse;
}

export interface WireItem {
  readonly id?: unknown;
  readonly type: string;
}

export interface WireResponse {
  readonly id: string;
  readonly status: string;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly output: readonly WireItem[];
}

const opening = ["response.created", "response.in_progress"];
const terminal: Readonly<Record<string, readonly string[]>> = {
  "response.completed": ["completed"],
  "response.incomplete": ["incomplete"],
  "response.failed": ["failed", "cancelled"],
};

/**
 * Throws unless the events are one whole response, whatever its run has yielded: numbered without a gap, one
 * terminal event at the end, and each item added once, done once and in the output. What stands in an item is the
 * run's own business. Returns the last state.
 */
export function wholeResponse(events: readonly WireEvent[]): WireResponse {
  events.forEach((event, n) => strictEqual(event.sequence_number, n, `number of ${event.type}`));
  deepStrictEqual(
    events.slice(0, 2).map(({ type }) => type),
    opening,
  );
  const last = events.at(-1);
  const response = last?.response;
  ok(last !== undefined && response !== undefined, "a stream without a response at its end");
  ok(terminal[last.type]?.includes(response.status), `${last.type} with status ${response.status}`);
  for (const { response: state } of events.slice(0, 2)) strictEqual(state?.id, response.id);
  const done = itemsOf(events.slice(2, -1));
  if (response.status === "failed")
    ok(typeof response.error?.code === "string" && typeof response.error.message === "string", "no error");
  else strictEqual(response.error, null, "an error of a response that has not failed");
  deepStrictEqual(response.output, response.status === "cancelled" ? [] : done, "the output");
  return response;
}

/** The finished items, by the order of their indexes. */
function itemsOf(events: readonly WireEvent[]): WireItem[] {
  const open = new Map<unknown, unknown>();
  const done: WireItem[] = [];
  const ids = new Set<unknown>();
  let added = 0;
  for (const { type, item, item_id: id, output_index: index } of events) {
    ok(!(type in terminal) && !opening.includes(type), `${type} in the middle`);
    ok(type !== "error" && type !== "response.queued" && type !== "keepalive", `${type} was passed on`);
    if (type === "response.output_item.added") {
      strictEqual(index, added, "index of an added item");
      added += 1;
      ok(typeof item?.id === "string" && item.id !== "", "an item without id");
      ok(!ids.has(item.id), "an id twice");
      ids.add(item.id);
      open.set(index, item.id);
    } else if (type === "response.output_item.done") {
      ok(open.has(index), `item ${String(index)} is done and was not open`);
      strictEqual(item?.id, open.get(index), "id of a finished item");
      open.delete(index);
      done[index as number] = item as WireItem;
    } else if (!type.startsWith("response.audio.")) {
      ok(open.has(index), `${type} for item ${String(index)}, which is not open`);
      strictEqual(id, open.get(index), `item_id of ${type}`);
    }
  }
  strictEqual(open.size, 0, "items left open");
  strictEqual(Object.keys(done).length, added, "items that are done");
  return done;
}
