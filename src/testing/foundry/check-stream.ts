import { must } from "./answer-rules.js";
import { checkResponse, isRecord, type AnsweredResponse, type Expected } from "./check-response.js";
import { sseEvent } from "./sse.js";

/** An event of a stream, as it came. */
export interface StreamedEvent {
  readonly type: string;
  readonly sequence_number: number;
  readonly [field: string]: unknown;
}

/** Follows a stream event by event. */
export interface StreamCheck {
  /** Takes one block. Throws what is wrong; nothing of it may reach the caller then. */
  take(block: string): void;
  /** Takes the end of the stream. Throws what is missing. */
  end(rest: string): void;
  readonly events: readonly StreamedEvent[];
  /** The response, once its last event has come. `undefined` too after a standalone `error`. */
  readonly response: AnsweredResponse | undefined;
}

const statusOfTerminal: Readonly<Record<string, string>> = {
  "response.completed": "completed",
  "response.incomplete": "incomplete",
  "response.failed": "failed",
};

/** The order and the numbers of a stream. Source: api-behaviour-contract.md, streaming. */
export function checkStream(expected: Expected): StreamCheck {
  const events: StreamedEvent[] = [];
  const itemIds = new Map<unknown, unknown>();
  let ended = false;
  let id: unknown;
  let response: AnsweredResponse | undefined;

  const takeTerminal = (event: StreamedEvent, status: string): void => {
    const last = checkResponse(event["response"], expected);
    must(last.id === id, "response_id_changes");
    must(last.status === status, "status_differs");
    const sent = [...itemIds.entries()]
      .sort(([a], [b]) => placeOf(a) - placeOf(b))
      .map(([, itemId]) => itemId);
    const listed = last.output.map((item) => item["id"]);
    must(JSON.stringify(sent) === JSON.stringify(listed), "item_differs");
    response = last;
  };

  return {
    events,
    get response() {
      return response;
    },
    take(block) {
      const parsed = sseEvent(block);
      // A comment keeps the connection open.
      if (parsed === undefined) return;
      must(parsed.data !== "[DONE]", "done_marker");
      must(!parsed.hasId, "event_with_id");
      const event = eventOf(parsed.data);
      must(parsed.event === event.type, "event_name_differs");
      must(!ended, "terminal_repeated");
      must(event.sequence_number === events.length, "sequence_broken");
      const at = events.length;
      if (event.type === "error") {
        ended = true;
      } else {
        must((at === 0) === (event.type === "response.created"), "order_broken");
        must(at !== 1 || /^response\.(queued|in_progress)$/.test(event.type), "order_broken");
      }
      if (at === 0 && isRecord(event["response"])) id = event["response"]["id"];
      if (event.type === "response.output_item.done" && isRecord(event["item"])) {
        itemIds.set(event["output_index"], event["item"]["id"]);
      }
      const status = statusOfTerminal[event.type];
      if (status !== undefined) {
        ended = true;
        takeTerminal(event, status);
      }
      events.push(event);
    },
    end(rest) {
      must(rest.trim() === "", "event_malformed");
      must(ended, "terminal_missing");
    },
  };
}

/** Not Number(): made a number of, an object out of JSON may throw. */
function placeOf(outputIndex: unknown): number {
  return typeof outputIndex === "number" ? outputIndex : 0;
}

function eventOf(data: string): StreamedEvent {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    value = undefined;
  }
  must(isRecord(value), "event_malformed");
  const { type, sequence_number } = value;
  must(typeof type === "string" && typeof sequence_number === "number", "event_malformed");
  return { ...value, type, sequence_number };
}
