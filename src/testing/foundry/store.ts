import type { AnsweredResponse } from "./check-response.js";
import type { StreamedEvent } from "./check-stream.js";

/** A response with what belongs to it. */
export interface StoredResponse {
  /** The platform's id of whose it is. Nobody else can see that it exists. */
  readonly userId: string;
  readonly sessionId: string;
  readonly response: AnsweredResponse;
  readonly inputItems: readonly Record<string, unknown>[];
  /** Of a streamed response. */
  readonly events: readonly StreamedEvent[] | undefined;
}

export interface ResponseStore {
  readonly entries: ReadonlyMap<string, StoredResponse>;
  keep(stored: StoredResponse): void;
  /** `undefined` for an unknown one, and for another person's. */
  find(id: string, userId: string): StoredResponse | undefined;
  drop(id: string): void;
}

const kept = 10_000;

/** Keeps what was answered. A response belongs to its user. */
export function createStore(): ResponseStore {
  const entries = new Map<string, StoredResponse>();
  return {
    entries,
    keep(stored) {
      entries.set(stored.response.id, stored);
      if (entries.size > kept) entries.delete(entries.keys().next().value ?? "");
    },
    find(id, userId) {
      const stored = entries.get(id);
      return stored?.userId === userId ? stored : undefined;
    },
    drop(id) {
      entries.delete(id);
    },
  };
}

/** The input of a request as items, as it is listed later. */
export function inputItemsOf(input: unknown, newId: () => string): Record<string, unknown>[] {
  const items =
    typeof input === "string"
      ? [{ type: "message", role: "user", content: [{ type: "input_text", text: input }] }]
      : Array.isArray(input)
        ? input
        : [];
  return items.map((item) => ({ id: newId(), type: "message", ...(Object(item) as object) }));
}
