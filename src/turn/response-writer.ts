import { oauthConsentRequest } from "../consent/consent-item.js";
import { refusedLink, type ConsentLinkPolicy } from "../consent/link-policy.js";
import type { ConsentRequest } from "../errors.js";
import { isResponseEventType } from "../foundry/event-types.js";
import {
  openingEvents,
  terminalEvents,
  type ResponseEvent,
  type ResponseFailure,
} from "../foundry/events.js";
import {
  consentItemType,
  isConsentItem,
  type OAuthConsentRequestItem,
  type OutputItem,
} from "../foundry/items.js";
import { noteContent, textsOf } from "./item-content.js";
import {
  endCall,
  fieldsOf,
  hasOpenCalls,
  modelCalls,
  openCall,
  type ModelCalls,
  type ModelEnding,
} from "./model-calls.js";
import { emptyText, type OpenItem } from "./open-item.js";
import {
  beginItem,
  closeItem,
  doneItems,
  finishItem,
  outputItems,
  outputSoFar,
  type OutputItems,
} from "./output-items.js";
import { responseStates, type ResponseFacts, type ResponseStates } from "./response-object.js";
import {
  findItem,
  isDone,
  itemBegan,
  itemFinished,
  modelCallEnded,
  runItems,
  wasAt,
  withFreeId,
  type RunItems,
} from "./run-items.js";
import { invalid, type Unnumbered } from "./run-output.js";
import { saidBefore } from "./said-before.js";
import { type RandomBytes } from "../runtime/random.js";

/** What a response is written with. */
export interface ResponseWriterOptions extends Omit<ResponseFacts, "createdAt"> {
  readonly now: () => number;
  readonly random: RandomBytes;
  /** Which consent links may leave, beyond well-formed ones. */
  readonly policy?: ConsentLinkPolicy | undefined;
  /** Told of a consent link that may not leave. */
  readonly onRefusedLink?: ((link: unknown, serverLabel: unknown) => void) | undefined;
  /** Told of an event that was left out, because nobody knows it and it names no open item. */
  readonly onDropped?: ((type: string) => void) | undefined;
}

/** How a response ends. */
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
  /**
   * Takes an event of the run's own, which becomes the writer's. Throws `invalid_run_output` for one that no item is
   * open for, and `consent_link_refused`.
   */
  event(event: Unnumbered): ResponseEvent[];
  /** Whether the stream of a model was cut: its response was opened and never ended. */
  isCut(): boolean;
  /** The items that are done so far. */
  output(): readonly OutputItem[];
  end(ending: Ending): ResponseEvent[];
}

/** A response that is being written. */
interface Writing {
  readonly options: ResponseWriterOptions;
  readonly states: ResponseStates;
  readonly number: (event: Unnumbered) => ResponseEvent;
  readonly items: OutputItems;
  /** The items of the run's own events, by the names it gives them. */
  readonly own: () => RunItems;
  /** There is none before the first event of a model call. */
  calls: ModelCalls | undefined;
  /** The message that texts of the run go into. */
  answer: OpenItem | undefined;
  /** The texts of the run since the last model call ended: pieces of messages, from one of them on. */
  readonly said: { readonly texts: readonly string[]; readonly from: number }[];
}

/** Starts a response. */
export function responseWriter(options: ResponseWriterOptions): ResponseWriter {
  let sequence = 0;
  // The event is the turn's own copy. Writing into it is what keeps a delta cheap.
  const number = (event: Unnumbered): ResponseEvent =>
    Object.assign(event as object, { sequence_number: sequence++ }) as ResponseEvent;
  const items = outputItems({ ...options, number });
  // A run that yields text only has none.
  let own: RunItems | undefined;
  const writing: Writing = {
    options,
    states: responseStates({ ...options, createdAt: seconds(options.now()) }),
    number,
    items,
    own: () => (own ??= runItems(items)),
    calls: undefined,
    answer: undefined,
    said: [],
  };
  return {
    isCut: () => writing.calls?.isOpen === true,
    start: () =>
      ["response.created", "response.in_progress"].map((type) =>
        number({ type, response: writing.states.at("in_progress", []) }),
      ),
    text: (delta) => (delta === "" ? [] : writeText(writing, delta)),
    event: (event) => writeEvent(writing, event),
    output: () => doneItems(items),
    end: (ending) => writeEnd(writing, ending),
  };
}

function writeText(writing: Writing, delta: string): ResponseEvent[] {
  const { items, number } = writing;
  const events: ResponseEvent[] = [];
  if (writing.answer === undefined) {
    const [opened, added] = beginItem(items, emptyMessage());
    writing.answer = opened;
    const part = { type: "response.content_part.added", ...placeOf(opened), part: emptyText };
    noteContent(opened.content, part);
    events.push(added, number(part));
  }
  const { answer, said } = writing;
  const texts = textsOf(answer.content);
  if (said.at(-1)?.texts !== texts) said.push({ texts, from: texts.length });
  const event = { type: "response.output_text.delta", ...placeOf(answer), delta, logprobs: [] };
  noteContent(answer.content, event);
  events.push(number(event));
  return events;
}

function writeEvent(writing: Writing, event: Unnumbered): ResponseEvent[] {
  const status = terminalEvents.get(event.type);
  if (status !== undefined) return endModelCall(writing, event, status);
  if (openingEvents.has(event.type)) {
    openCall(callsOf(writing), event);
    return [];
  }
  if (event.type === "response.output_item.added") return itemAdded(writing, event);
  if (event.type === "response.output_item.done") return itemDone(writing, event, itemOf(writing, event));
  if (event.type === "response.oauth_consent_requested") return consentRequested(writing, event);
  return passOn(writing, event);
}

function itemAdded(writing: Writing, event: Unnumbered): ResponseEvent[] {
  const item = itemOf(writing, event);
  const own = writing.own();
  if (findItem(own, item.id, undefined) !== undefined) return [];
  const before = closeAnswer(writing);
  const [opened, added] = beginItem(writing.items, withFreeId(own, item));
  itemBegan(own, opened, item.id, event["output_index"]);
  return [...before, added];
}

function itemDone(writing: Writing, event: Unnumbered, item: OutputItem): ResponseEvent[] {
  const own = writing.own();
  const opened = findItem(own, item.id, event["output_index"]);
  if (opened !== undefined) {
    itemFinished(own, opened, item.id);
    return [finishItem(writing.items, opened, item)];
  }
  // Frameworks tell of an item once more when the response ends.
  return isDone(own, item.id) ? [] : wholeItem(writing, item);
}

/** An item that is complete from the start. */
function wholeItem(writing: Writing, item: OutputItem): ResponseEvent[] {
  const own = writing.own();
  const before = closeAnswer(writing);
  const [opened, added] = beginItem(writing.items, withFreeId(own, item));
  itemFinished(own, opened, item.id);
  return [...before, added, finishItem(writing.items, opened, opened.item)];
}

/** The events that tell of audio, the only ones of the protocol that are about no item. */
const itemless: ReadonlySet<string> = new Set([
  "response.audio.delta",
  "response.audio.done",
  "response.audio.transcript.delta",
  "response.audio.transcript.done",
]);

/** Everything else belongs to an open item. */
function passOn(writing: Writing, event: Unnumbered): ResponseEvent[] {
  const { item_id: id, output_index: index, item, response } = event;
  // No event that is passed on has either, and readers of consent requests look at both.
  if (item !== undefined || response !== undefined) checkInside(writing, item, response);
  const opened = findItem(writing.own(), id, index);
  if (opened !== undefined) {
    noteContent(opened.content, event);
    return [writing.number(Object.assign(event, { item_id: opened.id, output_index: opened.index }))];
  }
  if (itemless.has(event.type)) return [writing.number(event)];
  if (isResponseEventType(event.type)) {
    throw invalid(
      `The run yielded "${event.type}" for an item that is not open.`,
      "Yield response.output_item.added first, or plain text as a string.",
    );
  }
  writing.options.onDropped?.(event.type);
  return [];
}

function checkInside({ options }: Writing, item: unknown, response: unknown): void {
  const { output } = Object(response) as { readonly output?: unknown };
  for (const one of [item, ...(Array.isArray(output) ? (output as readonly unknown[]) : [])]) {
    const inside = Object(one) as OutputItem;
    if (isConsentItem(inside)) checkConsentItem(options, inside);
  }
}

/** What older services ask with is an item like any other: so it is checked, shown by every client, and ends the turn. */
function consentRequested(writing: Writing, event: Unnumbered): ResponseEvent[] {
  const { consent_link, server_label } = event;
  const item = { type: consentItemType, consent_link, ...(server_label !== undefined && { server_label }) };
  const asked = itemOf(writing, { type: event.type, item }) as OAuthConsentRequestItem;
  const isShown = outputSoFar(writing.items).some(
    (one) => isConsentItem(one) && consentKey(one) === consentKey(asked),
  );
  return isShown ? [] : wholeItem(writing, asked);
}

/**
 * A model's response has ended. Its output lists items again that were streamed; what was not streamed is written
 * now, and what was left open is ended with its final form.
 */
function endModelCall(writing: Writing, event: Unnumbered, status: ModelEnding["status"]): ResponseEvent[] {
  const { said } = writing;
  const [calls, own] = [callsOf(writing), writing.own()];
  const { output } = Object(event["response"]) as { readonly output?: unknown };
  // All are checked before the first is written: an event that has its number has to be sent.
  const listed = (Array.isArray(output) ? (output as readonly unknown[]) : []).map((item) =>
    itemOf(writing, { type: event.type, item }),
  );
  endCall(calls, event, status);
  const isSaid = saidBefore(() => said.flatMap(({ texts, from }) => texts.slice(from)).join(""));
  const events = listed.flatMap((item, index) => {
    if (isDone(own, item.id) || wasAt(own, item.id, index)) return [];
    if (findItem(own, item.id, index) !== undefined)
      return itemDone(writing, { type: event.type, output_index: index }, item);
    return isSaid(item) ? [] : wholeItem(writing, item);
  });
  if (!hasOpenCalls(calls)) modelCallEnded(own);
  said.length = 0;
  return events;
}

function writeEnd(writing: Writing, ending: Ending): ResponseEvent[] {
  const { items, calls, number } = writing;
  const isWhole = ending.status === "completed" && (calls?.ending?.status ?? "completed") === "completed";
  const before = closeAnswer(writing, isWhole ? "completed" : "incomplete");
  // A call whose arguments broke off must not look like one that may be carried out.
  const leftOpen = [...items.open.values()];
  const cut = leftOpen.flatMap((opened) => closeItem(items, opened, "incomplete"));
  const asked = ending.status === "consent" ? askFor(writing, ending.requests) : [];
  if (calls !== undefined) writing.states.merge(fieldsOf(calls));
  return [...before, ...cut, ...asked, number(terminalEvent(writing, ending, leftOpen.length > 0))];
}

function terminalEvent(
  { states, items, calls, options }: Writing,
  ending: Ending,
  hasCutItems: boolean,
): Unnumbered {
  // There is no event of its own for it, and what was said before counts no more.
  // Source: api-behaviour-contract.md of Azure.AI.AgentServer.Responses, B11.
  if (ending.status === "cancelled") return { type: "response.failed", response: states.at("cancelled", []) };
  const output = doneItems(items);
  const own = ending.status === "completed" ? calls?.ending : undefined;
  const error = ending.status === "failed" ? ending.error : own?.error;
  if (error !== undefined)
    return { type: "response.failed", response: states.at("failed", output, { error }) };
  // A run that shows a consent item itself means it: the portal shows no button on a completed response.
  if (ending.status === "consent" || output.some(isConsentItem))
    return { type: "response.incomplete", response: states.at("incomplete", output) };
  if (own?.status === "incomplete" || hasCutItems) {
    const incomplete_details = own?.reason === undefined ? null : { reason: own.reason };
    return {
      type: "response.incomplete",
      response: states.at("incomplete", output, { incomplete_details }),
    };
  }
  const completed_at = seconds(options.now());
  return { type: "response.completed", response: states.at("completed", output, { completed_at }) };
}

function askFor(writing: Writing, requests: readonly ConsentRequest[]): ResponseEvent[] {
  const { responseId, random } = writing.options;
  const shown = new Set(doneItems(writing.items).filter(isConsentItem).map(consentKey));
  return requests
    .map(({ link, serverLabel }) =>
      oauthConsentRequest({ consentLink: link, serverLabel, responseId, random }),
    )
    .filter((item) => !shown.has(consentKey(item)))
    .flatMap((item) => wholeItem(writing, item));
}

function callsOf(writing: Writing): ModelCalls {
  return (writing.calls ??= modelCalls());
}

function closeAnswer(writing: Writing, status: "completed" | "incomplete" = "completed"): ResponseEvent[] {
  const { answer, items } = writing;
  writing.answer = undefined;
  return answer === undefined ? [] : closeItem(items, answer, status);
}

function emptyMessage(): OutputItem {
  return { type: "message", ...{ status: "in_progress", role: "assistant", content: [] } };
}

function placeOf({ id, index }: OpenItem): { item_id: string; output_index: number; content_index: number } {
  return { item_id: id, output_index: index, content_index: 0 };
}

/**
 * The item of an event. Whatever item leaves has come through here: a consent item with a link that may not be shown
 * ends the turn before anything is written of it, as one of our own does.
 */
function itemOf({ options }: Writing, event: Unnumbered): OutputItem {
  const item = Object(event["item"]) as { readonly type?: unknown };
  if (typeof item.type !== "string")
    throw invalid(`The run yielded "${event.type}" whose item has no type.`, "Give the item its type.");
  if (item.type === consentItemType) checkConsentItem(options, item as OAuthConsentRequestItem);
  return item as OutputItem;
}

function checkConsentItem({ policy, onRefusedLink }: ResponseWriterOptions, item: object): void {
  const { consent_link: link, server_label: serverLabel } = item as Readonly<Record<string, unknown>>;
  const refused = refusedLink(link, policy);
  if (refused === undefined) return;
  onRefusedLink?.(link, serverLabel);
  throw refused;
}

function consentKey({ consent_link, server_label }: OAuthConsentRequestItem): string {
  return JSON.stringify([consent_link, server_label]);
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
