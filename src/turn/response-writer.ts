import { HostedAgentIdentityError, type ConsentRequest } from "../errors.js";
import { oauthConsentRequest } from "../consent/consent-item.js";
import {
  incompleteReasons,
  openingEvents,
  terminalEvents,
  type ResponseEvent,
  type ResponseFailure,
  type ResponseObject,
  type ResponseStatus,
  type RunEvent,
} from "../foundry/events.js";
import { idPrefixes, newId, type RandomBytes } from "../foundry/ids.js";
import {
  consentItemType,
  type AgentReference,
  type OAuthConsentRequestItem,
  type OutputItem,
} from "../foundry/items.js";
import { closingEvents, emptyText, noteEvent, type OpenItem, type Unnumbered } from "./open-item.js";

/** What a response is written with. */
export interface ResponseWriterOptions {
  readonly responseId: string;
  readonly agentReference: AgentReference | undefined;
  readonly previousResponseId: string | undefined;
  readonly model: string;
  /** More fields of the response, for example its metadata. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly now: () => number;
  readonly random: RandomBytes;
}

/** How a response ends, unless its run has said so itself. */
export type Ending =
  | { readonly status: "completed" }
  | { readonly status: "consent"; readonly requests: readonly ConsentRequest[] }
  | { readonly status: "failed"; readonly error: ResponseFailure };

/**
 * Writes the events of one response in the protocol's order, with numbers of its own. Knows nothing of users
 * or time: text, events and the ending go in, numbered events come out.
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

/** The fields of a response that are never taken from a run. */
const ownFields: ReadonlySet<string> = new Set([
  "id",
  "object",
  "created_at",
  "status",
  "completed_at",
  "error",
  "incomplete_details",
  "output",
  "previous_response_id",
  "agent_reference",
]);

interface OwnEnding {
  readonly status: Exclude<ResponseStatus, "in_progress">;
  readonly error: ResponseFailure | null;
  readonly reason: string | undefined;
}

/** Starts a response. */
export function responseWriter(options: ResponseWriterOptions): ResponseWriter {
  const { responseId, agentReference, now, random } = options;
  const createdAt = seconds(now());
  const output: OutputItem[] = [];
  const open = new Map<number, OpenItem>();
  /** The run's own output indexes, and ours. */
  const indexes = new Map<number, number>();
  const runIds = new Set<string>();
  let sequence = 0;
  let nextIndex = 0;
  let answer: OpenItem | undefined;
  let merged: Record<string, unknown> = { model: options.model, ...options.fields };
  let ownEnding: OwnEnding | undefined;

  const number = (event: Unnumbered): ResponseEvent => ({ ...event, sequence_number: sequence++ });

  const response = (
    status: ResponseStatus,
    rest: Partial<ResponseObject> = {},
  ): ResponseObject & Record<string, unknown> => ({
    instructions: null,
    metadata: {},
    parallel_tool_calls: true,
    temperature: null,
    tool_choice: "auto",
    tools: [],
    top_p: null,
    usage: null,
    model: options.model,
    ...merged,
    id: responseId,
    object: "response",
    created_at: createdAt,
    status,
    completed_at: null,
    error: null,
    incomplete_details: null,
    output: output.filter((item) => item !== undefined),
    previous_response_id: options.previousResponseId ?? null,
    ...(agentReference === undefined ? {} : { agent_reference: agentReference }),
    ...rest,
  });

  const stamped = (item: OutputItem, prefix: string): OutputItem & { id: string } => {
    const id = typeof item.id === "string" && item.id !== "" ? item.id : newId(prefix, random, responseId);
    const stamp = {
      response_id: responseId,
      ...(agentReference === undefined ? {} : { agent_reference: agentReference }),
    };
    return { ...item, id, ...stamp };
  };

  /** Begins an item at the next free index. */
  const begin = (given: OutputItem): [OpenItem, ResponseEvent] => {
    const item = stamped(given, itemPrefix(given.type));
    const opened: OpenItem = { index: nextIndex++, id: item.id, item, parts: new Map(), args: "" };
    open.set(opened.index, opened);
    return [opened, number({ type: "response.output_item.added", output_index: opened.index, item })];
  };

  const finish = (opened: OpenItem, item: OutputItem): ResponseEvent => {
    open.delete(opened.index);
    output[opened.index] = item;
    return number({ type: "response.output_item.done", output_index: opened.index, item });
  };

  const close = (opened: OpenItem, status: "completed" | "incomplete"): ResponseEvent[] => {
    if (opened === answer) answer = undefined;
    return [...closingEvents(opened, status)].map((event) =>
      event.type === "response.output_item.done"
        ? finish(opened, event["item"] as OutputItem)
        : number(event),
    );
  };

  const closeAnswer = (): ResponseEvent[] => (answer === undefined ? [] : close(answer, "completed"));

  /** An item that is complete from the start. */
  const whole = (item: OutputItem): ResponseEvent[] => {
    const before = closeAnswer();
    const [opened, added] = begin(item);
    return [...before, added, finish(opened, opened.item)];
  };

  const merge = (given: unknown): void => {
    const fields = Object.entries(Object(given) as object).filter(([name]) => !ownFields.has(name));
    merged = { ...merged, ...Object.fromEntries(fields) };
  };

  const openFor = (event: Unnumbered): OpenItem | undefined => {
    const { output_index, item_id } = event;
    const index = typeof output_index === "number" ? indexes.get(output_index) : undefined;
    if (index !== undefined) return open.get(index);
    return typeof item_id === "string" ? [...open.values()].find(({ id }) => id === item_id) : undefined;
  };

  const ownItem = (event: Unnumbered): ResponseEvent[] => {
    const given = itemOf(event);
    if (given.id !== undefined) runIds.add(given.id);
    if (event.type === "response.output_item.added") {
      const before = closeAnswer();
      const [opened, added] = begin(given);
      if (typeof event["output_index"] === "number") indexes.set(event["output_index"], opened.index);
      return [...before, added];
    }
    const opened = openFor({ ...event, item_id: given.id });
    if (opened === undefined) return whole(given);
    return [finish(opened, stamped({ ...given, id: opened.id }, ""))];
  };

  const ownTerminal = (event: Unnumbered, status: OwnEnding["status"]): ResponseEvent[] => {
    const given = Object(event["response"]) as Record<string, unknown>;
    merge(given);
    const { reason } = Object(given["incomplete_details"]) as { reason?: unknown };
    const failure = Object(event.type === "error" ? event : given["error"]) as {
      code?: unknown;
      message?: unknown;
    };
    ownEnding = {
      status,
      error: status === "failed" ? failureOf(failure) : null,
      reason: typeof reason === "string" && incompleteReasons.has(reason) ? reason : undefined,
    };
    const listed = Array.isArray(given["output"]) ? (given["output"] as unknown[]) : [];
    const unseen = listed
      .map((item) => itemOf({ type: event.type, item }))
      .filter(({ id }) => id === undefined || !runIds.has(id));
    return unseen.flatMap(whole);
  };

  return {
    get ended() {
      return ownEnding !== undefined;
    },

    start: () => [
      number({ type: "response.created", response: response("in_progress") }),
      number({ type: "response.in_progress", response: response("in_progress") }),
    ],

    text(delta) {
      if (delta === "") return [];
      const events: ResponseEvent[] = [];
      if (answer === undefined) {
        const [opened, added] = begin({
          type: "message",
          status: "in_progress",
          role: "assistant",
          content: [],
        } as OutputItem);
        answer = opened;
        const part = {
          type: "response.content_part.added",
          item_id: opened.id,
          output_index: opened.index,
          content_index: 0,
          part: emptyText,
        };
        noteEvent(opened, part);
        events.push(added, number(part));
      }
      const { id: item_id, index: output_index } = answer;
      const event = {
        type: "response.output_text.delta",
        item_id,
        output_index,
        content_index: 0,
        delta,
        logprobs: [],
      };
      noteEvent(answer, event);
      return [...events, number(event)];
    },

    event(given) {
      const event = { ...given } as Unnumbered;
      if (openingEvents.has(event.type)) {
        merge(event["response"]);
        return [];
      }
      const status = terminalEvents.get(event.type);
      if (status !== undefined) return ownTerminal(event, status);
      if (event.type === "response.output_item.added" || event.type === "response.output_item.done")
        return ownItem(event);
      if (event["output_index"] === undefined && event["item_id"] === undefined) return [number(event)];
      const opened = openFor(event);
      if (opened === undefined) {
        throw invalid(
          `the run sent ${JSON.stringify(event.type)} for an item that is not open; send response.output_item.added first.`,
        );
      }
      noteEvent(opened, event);
      return [number({ ...event, item_id: opened.id, output_index: opened.index })];
    },

    end(ending) {
      const consent = ending.status === "consent";
      const own = consent || ending.status === "failed" ? undefined : ownEnding;
      const complete =
        !consent && ending.status !== "failed" && (own === undefined || own.status === "completed");
      const events = [...open.values()].flatMap((opened) =>
        close(opened, complete ? "completed" : "incomplete"),
      );
      if (ending.status === "consent") {
        const known = output.filter(isConsentItem).map(itemKey);
        for (const { link, serverLabel } of ending.requests) {
          const item = oauthConsentRequest({ consentLink: link, serverLabel, responseId, random });
          if (!known.includes(itemKey(item))) events.push(...whole(item));
        }
      }
      events.push(number(terminal(ending, own)));
      return events;
    },
  };

  function terminal(ending: Ending, own: OwnEnding | undefined): Unnumbered {
    if (ending.status === "failed") return failed(ending.error);
    if (own?.status === "failed") return failed(own.error);
    // A run that shows a consent item itself means it: the portal shows no button on a completed response.
    if (ending.status === "consent" || output.some(isConsentItem)) {
      return { type: "response.incomplete", response: response("incomplete") };
    }
    if (own?.status === "incomplete") {
      const details = own.reason === undefined ? null : { reason: own.reason };
      return {
        type: "response.incomplete",
        response: response("incomplete", { incomplete_details: details }),
      };
    }
    return { type: "response.completed", response: response("completed", { completed_at: seconds(now()) }) };
  }

  function failed(error: ResponseFailure | null): Unnumbered {
    return { type: "response.failed", response: response("failed", { error }) };
  }
}

function failureOf({ code, message }: { code?: unknown; message?: unknown }): ResponseFailure {
  return {
    code: typeof code === "string" ? code : "server_error",
    message: typeof message === "string" ? message : "The agent could not finish this response.",
  };
}

function itemOf(event: Unnumbered): OutputItem {
  const item = Object(event["item"]) as { type?: unknown };
  if (typeof item.type !== "string")
    throw invalid(`${JSON.stringify(event.type)} of the run has no item with a type.`);
  return item as OutputItem;
}

function itemPrefix(type: string): string {
  return type === consentItemType ? idPrefixes.consentRequest : idPrefixes.message;
}

function isConsentItem(item: OutputItem | undefined): item is OAuthConsentRequestItem {
  return item?.type === consentItemType;
}

function itemKey({ consent_link, server_label }: OAuthConsentRequestItem): string {
  return JSON.stringify([consent_link, server_label]);
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

function invalid(message: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("invalid_option", message);
}
