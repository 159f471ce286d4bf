import { oauthConsentRequest } from "../consent/consent-item.js";
import { HostedAgentIdentityError, type ConsentRequest } from "../errors.js";
import {
  incompleteReasons,
  openingEvents,
  terminalEvents,
  type ResponseEvent,
  type ResponseFailure,
  type ResponseStatus,
  type RunEvent,
} from "../foundry/events.js";
import type { RandomBytes } from "../foundry/ids.js";
import { consentItemType, type OAuthConsentRequestItem, type OutputItem } from "../foundry/items.js";
import { genericFailure } from "./failure.js";
import { emptyText, noteEvent, type OpenItem, type Unnumbered } from "./open-item.js";
import { outputItems } from "./output-items.js";
import { responseStates, type ResponseFacts } from "./response-object.js";

/** What a response is written with. */
export interface ResponseWriterOptions extends Omit<ResponseFacts, "createdAt"> {
  readonly now: () => number;
  readonly random: RandomBytes;
}

/** How a response ends, unless its run has said so itself. */
export type Ending =
  | { readonly status: "completed" }
  | { readonly status: "consent"; readonly requests: readonly ConsentRequest[] }
  | { readonly status: "failed"; readonly error: ResponseFailure }
  | { readonly status: "cancelled" };

/**
 * Writes the events of one response in the protocol's order, with numbers of its own. Knows nothing of users
 * or waiting: text, events and the ending go in, numbered events come out.
 */
export interface ResponseWriter {
  start(): ResponseEvent[];
  text(delta: string): ResponseEvent[];
  /** Takes an event of the run's own. Throws `invalid_option` for one that no item is open for. */
  event(event: RunEvent): ResponseEvent[];
  /** Whether the run has ended the response with an event of its own. */
  readonly ended: boolean;
  end(ending: Ending): ResponseEvent[];
}

/** Starts a response. */
export function responseWriter(options: ResponseWriterOptions): ResponseWriter {
  const { responseId, now, random } = options;
  const states = responseStates({ ...options, createdAt: seconds(now()) });
  let sequence = 0;
  const number = (event: Unnumbered): ResponseEvent => ({ ...event, sequence_number: sequence++ });
  const items = outputItems({ ...options, number });
  /** The message that texts of the run go into. */
  let answer: OpenItem | undefined;
  /** The run's own output indexes, and ours; the ids of its own items. */
  const indexes = new Map<number, number>();
  const runIds = new Set<string>();
  let ownEnding: OwnEnding | undefined;

  const closeAnswer = (): ResponseEvent[] => {
    const before = answer === undefined ? [] : items.close(answer, "completed");
    answer = undefined;
    return before;
  };

  /** An item that is complete from the start. */
  const whole = (item: OutputItem): ResponseEvent[] => {
    const before = closeAnswer();
    const [opened, added] = items.begin(item);
    return [...before, added, items.finish(opened, opened.item)];
  };

  const openFor = ({ output_index: index, item_id: id }: Unnumbered): OpenItem | undefined => {
    const ours = typeof index === "number" ? indexes.get(index) : undefined;
    return ours === undefined ? items.open().find((open) => open.id === id) : items.openAt(ours);
  };

  const beginOwn = (event: Unnumbered): ResponseEvent[] => {
    const item = itemOf(event);
    if (item.id !== undefined) runIds.add(item.id);
    const before = closeAnswer();
    const [opened, added] = items.begin(item);
    if (typeof event["output_index"] === "number") indexes.set(event["output_index"], opened.index);
    return [...before, added];
  };

  const finishOwn = (event: Unnumbered): ResponseEvent[] => {
    const item = itemOf(event);
    if (item.id !== undefined) runIds.add(item.id);
    const opened = openFor({ ...event, item_id: item.id });
    return opened === undefined ? whole(item) : [items.finish(opened, item)];
  };

  const endOwn = (event: Unnumbered, status: OwnEnding["status"]): ResponseEvent[] => {
    states.merge(event["response"]);
    ownEnding = ownEndingOf(event, status);
    const { output } = Object(event["response"]) as { output?: unknown };
    const listed = Array.isArray(output) ? output.map((item) => itemOf({ type: event.type, item })) : [];
    return listed.filter(({ id }) => id === undefined || !runIds.has(id)).flatMap(whole);
  };

  /** Everything else belongs to an open item, or to the response as a whole. */
  const passOn = (event: Unnumbered): ResponseEvent[] => {
    if (event["output_index"] === undefined && event["item_id"] === undefined) return [number(event)];
    const opened = openFor(event);
    if (opened === undefined) {
      throw invalid(
        `the run sent ${JSON.stringify(event.type)} for an item that is not open; send response.output_item.added first.`,
      );
    }
    noteEvent(opened, event);
    return [number({ ...event, item_id: opened.id, output_index: opened.index })];
  };

  const askFor = (requests: readonly ConsentRequest[]): ResponseEvent[] => {
    const shown = new Set(items.done().filter(isConsentItem).map(consentKey));
    return requests
      .map(({ link, serverLabel }) =>
        oauthConsentRequest({ consentLink: link, serverLabel, responseId, random }),
      )
      .filter((item) => !shown.has(consentKey(item)))
      .flatMap(whole);
  };

  const terminal = (ending: Ending): Unnumbered => {
    // There is no event of its own for it, and what was said before counts no more. Source: rule B11.
    if (ending.status === "cancelled")
      return { type: "response.failed", response: states.at("cancelled", []) };
    const output = items.done();
    const own = ending.status === "completed" ? ownEnding : undefined;
    const error = ending.status === "failed" ? ending.error : own?.error;
    if (error !== undefined)
      return { type: "response.failed", response: states.at("failed", output, { error }) };
    // A run that shows a consent item itself means it: the portal shows no button on a completed response.
    if (ending.status === "consent" || output.some(isConsentItem)) {
      return { type: "response.incomplete", response: states.at("incomplete", output) };
    }
    if (own?.status === "incomplete") {
      const incomplete_details = own.reason === undefined ? null : { reason: own.reason };
      return {
        type: "response.incomplete",
        response: states.at("incomplete", output, { incomplete_details }),
      };
    }
    const completed_at = seconds(now());
    return { type: "response.completed", response: states.at("completed", output, { completed_at }) };
  };

  return {
    get ended() {
      return ownEnding !== undefined;
    },

    start: () =>
      ["response.created", "response.in_progress"].map((type) =>
        number({ type, response: states.at("in_progress", []) }),
      ),

    text(delta) {
      if (delta === "") return [];
      const events: ResponseEvent[] = [];
      if (answer === undefined) {
        const [opened, added] = items.begin(emptyMessage());
        answer = opened;
        const part = { type: "response.content_part.added", ...placeOf(opened), part: emptyText };
        noteEvent(opened, part);
        events.push(added, number(part));
      }
      const event = { type: "response.output_text.delta", ...placeOf(answer), delta, logprobs: [] };
      noteEvent(answer, event);
      return [...events, number(event)];
    },

    event(given) {
      const event = { ...given } as Unnumbered;
      const status = terminalEvents.get(event.type);
      if (status !== undefined) return endOwn(event, status);
      if (event.type === "response.output_item.added") return beginOwn(event);
      if (event.type === "response.output_item.done") return finishOwn(event);
      if (!openingEvents.has(event.type)) return passOn(event);
      states.merge(event["response"]);
      return [];
    },

    end(ending) {
      const complete = ending.status === "completed" && (ownEnding?.status ?? "completed") === "completed";
      const events = items
        .open()
        .flatMap((opened) => items.close(opened, complete ? "completed" : "incomplete"));
      answer = undefined;
      if (ending.status === "consent") events.push(...askFor(ending.requests));
      return [...events, number(terminal(ending))];
    },
  };
}

/** An ending that came as an event of the run. */
interface OwnEnding {
  readonly status: Exclude<ResponseStatus, "in_progress" | "cancelled">;
  readonly error: ResponseFailure | undefined;
  readonly reason: string | undefined;
}

function ownEndingOf(event: Unnumbered, status: OwnEnding["status"]): OwnEnding {
  const response = Object(event["response"]) as { error?: unknown; incomplete_details?: unknown };
  const { code, message } = Object(event.type === "error" ? event : response.error) as Record<
    string,
    unknown
  >;
  const { reason } = Object(response.incomplete_details) as { reason?: unknown };
  const error = {
    code: typeof code === "string" ? code : genericFailure.code,
    message: typeof message === "string" ? message : genericFailure.message,
  };
  return {
    status,
    error: status === "failed" ? error : undefined,
    reason: typeof reason === "string" && incompleteReasons.has(reason) ? reason : undefined,
  };
}

function emptyMessage(): OutputItem {
  return { type: "message", ...{ status: "in_progress", role: "assistant", content: [] } };
}

function placeOf({ id, index }: OpenItem): { item_id: string; output_index: number; content_index: number } {
  return { item_id: id, output_index: index, content_index: 0 };
}

function itemOf(event: Unnumbered): OutputItem {
  const item = Object(event["item"]) as { type?: unknown };
  if (typeof item.type !== "string")
    throw invalid(`${JSON.stringify(event.type)} of the run has no item with a type.`);
  return item as OutputItem;
}

function isConsentItem(item: OutputItem): item is OAuthConsentRequestItem {
  return item.type === consentItemType;
}

function consentKey({ consent_link, server_label }: OAuthConsentRequestItem): string {
  return JSON.stringify([consent_link, server_label]);
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

function invalid(message: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("invalid_option", message);
}
