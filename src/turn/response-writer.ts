import { oauthConsentRequest } from "../consent/consent-item.js";
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
import { endCall, hasOpenCalls, openCall, type ModelEnding, fieldsOf } from "./model-calls.js";
import { callsOf, closeAnswer, ownItems, wholeItem, type OpenResponse, seconds } from "./open-response.js";
import { checkItemsIn, consentKey, itemOf } from "./outgoing-items.js";
import {
  beginItem,
  finishItem,
  numbered,
  outputSoFar,
  closeItem,
  doneItems,
  emptyText,
  type OpenItem,
} from "./output-items.js";
import { findItem, isDone, itemBegan, itemFinished, modelCallEnded, wasAt, withFreeId } from "./run-items.js";
import { invalid, type Unnumbered } from "./run-output.js";
import { saidBefore } from "./said-before.js";

/** The first events of a response. */
export function startEvents({ states, items }: OpenResponse): ResponseEvent[] {
  return ["response.created", "response.in_progress"].map((type) =>
    numbered(items, { type, response: states.at("in_progress", []) }),
  );
}

/** Answer text of the run. */
export function writeText(response: OpenResponse, delta: string): ResponseEvent[] {
  const { items } = response;
  if (delta === "") return [];
  const events: ResponseEvent[] = [];
  if (response.answer === undefined) {
    const [opened, added] = beginItem(items, emptyMessage());
    response.answer = opened;
    const part = { type: "response.content_part.added", ...placeOf(opened), part: emptyText };
    noteContent(opened.content, part);
    events.push(added, numbered(items, part));
  }
  const { answer, said } = response;
  const texts = textsOf(answer.content);
  if (said.at(-1)?.texts !== texts) said.push({ texts, from: texts.length });
  const event = { type: "response.output_text.delta", ...placeOf(answer), delta, logprobs: [] };
  noteContent(answer.content, event);
  events.push(numbered(items, event));
  return events;
}

/**
 * An event of the run's own, which becomes the response's. Throws `invalid_run_output` for one that no item is open
 * for, and `consent_link_refused`.
 */
export function writeEvent(response: OpenResponse, event: Unnumbered): ResponseEvent[] {
  const status = terminalEvents.get(event.type);
  if (status !== undefined) return endModelCall(response, event, status);
  if (openingEvents.has(event.type)) {
    openCall(callsOf(response), event);
    return [];
  }
  if (event.type === "response.output_item.added") return itemAdded(response, event);
  if (event.type === "response.output_item.done")
    return itemDone(response, event, itemOf(response.options, event));
  if (event.type === "response.oauth_consent_requested") return consentRequested(response, event);
  return passOn(response, event);
}

function itemAdded(response: OpenResponse, event: Unnumbered): ResponseEvent[] {
  const item = itemOf(response.options, event);
  const own = ownItems(response);
  if (findItem(own, item.id, undefined) !== undefined) return [];
  const before = closeAnswer(response);
  const [opened, added] = beginItem(response.items, withFreeId(own, item));
  itemBegan(own, opened, item.id, event["output_index"]);
  return [...before, added];
}

function itemDone(response: OpenResponse, event: Unnumbered, item: OutputItem): ResponseEvent[] {
  const own = ownItems(response);
  const opened = findItem(own, item.id, event["output_index"]);
  if (opened !== undefined) {
    itemFinished(own, opened, item.id);
    return [finishItem(response.items, opened, item)];
  }
  // Frameworks tell of an item once more when the response ends.
  return isDone(own, item.id) ? [] : wholeItem(response, item);
}

/** The events that tell of audio, the only ones of the protocol that are about no item. */
const itemless: ReadonlySet<string> = new Set([
  "response.audio.delta",
  "response.audio.done",
  "response.audio.transcript.delta",
  "response.audio.transcript.done",
]);

/** Everything else belongs to an open item. */
function passOn(response: OpenResponse, event: Unnumbered): ResponseEvent[] {
  const { item_id: id, output_index: index, item, response: inner } = event;
  // No event that is passed on has either, and readers of consent requests look at both.
  if (item !== undefined || inner !== undefined) checkItemsIn(response.options, item, inner);
  const opened = findItem(ownItems(response), id, index);
  if (opened !== undefined) {
    noteContent(opened.content, event);
    return [
      numbered(response.items, Object.assign(event, { item_id: opened.id, output_index: opened.index })),
    ];
  }
  if (itemless.has(event.type)) return [numbered(response.items, event)];
  if (isResponseEventType(event.type)) {
    throw invalid(
      `The run yielded "${event.type}" for an item that is not open.`,
      "Yield response.output_item.added first, or plain text as a string.",
    );
  }
  response.options.onDropped?.(event.type);
  return [];
}

/** What older services ask with is an item like any other: so it is checked, shown by every client, and ends the turn. */
function consentRequested(response: OpenResponse, event: Unnumbered): ResponseEvent[] {
  const { consent_link, server_label } = event;
  const item = { type: consentItemType, consent_link, server_label };
  const asked = itemOf(response.options, { type: event.type, item }) as OAuthConsentRequestItem;
  const isShown = outputSoFar(response.items).some(
    (one) => isConsentItem(one) && consentKey(one) === consentKey(asked),
  );
  return isShown ? [] : wholeItem(response, asked);
}

/**
 * A model's response has ended. Its output lists items again that were streamed; what was not streamed is written
 * now, and what was left open is ended with its final form.
 */
function endModelCall(
  response: OpenResponse,
  event: Unnumbered,
  status: ModelEnding["status"],
): ResponseEvent[] {
  const { said } = response;
  const [calls, own] = [callsOf(response), ownItems(response)];
  const { output } = Object(event["response"]) as { readonly output?: unknown };
  // All are checked before the first is written: an event that has its number has to be sent.
  const listed = (Array.isArray(output) ? (output as readonly unknown[]) : []).map((item) =>
    itemOf(response.options, { type: event.type, item }),
  );
  endCall(calls, event, status);
  const isSaid = saidBefore(() => said.flatMap(({ texts, from }) => texts.slice(from)).join(""));
  const events = listed.flatMap((item, index) => {
    if (isDone(own, item.id) || wasAt(own, item.id, index)) return [];
    if (findItem(own, item.id, index) !== undefined)
      return itemDone(response, { type: event.type, output_index: index }, item);
    return isSaid(item) ? [] : wholeItem(response, item);
  });
  if (!hasOpenCalls(calls)) modelCallEnded(own);
  said.length = 0;
  return events;
}

function emptyMessage(): OutputItem {
  return { type: "message", ...{ status: "in_progress", role: "assistant", content: [] } };
}

function placeOf({ id, index }: OpenItem): { item_id: string; output_index: number; content_index: number } {
  return { item_id: id, output_index: index, content_index: 0 };
}

/** How a response ends. */
export type Ending =
  | { readonly status: "completed" }
  | { readonly status: "consent"; readonly requests: readonly ConsentRequest[] }
  | { readonly status: "failed"; readonly error: ResponseFailure }
  | { readonly status: "cancelled" };

/** The last events of a response. */
export function endEvents(response: OpenResponse, ending: Ending): ResponseEvent[] {
  const { items, calls } = response;
  const isWhole = ending.status === "completed" && (calls?.ending?.status ?? "completed") === "completed";
  const before = closeAnswer(response, isWhole ? "completed" : "incomplete");
  // A call whose arguments broke off must not look like one that may be carried out.
  const leftOpen = [...items.open.values()];
  const cut = leftOpen.flatMap((opened) => closeItem(items, opened, "incomplete"));
  const asked = ending.status === "consent" ? askFor(response, ending.requests) : [];
  if (calls !== undefined) response.states.merge(fieldsOf(calls));
  return [...before, ...cut, ...asked, numbered(items, terminalEvent(response, ending, leftOpen.length > 0))];
}

function terminalEvent(
  { states, items, calls, options }: OpenResponse,
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

function askFor(response: OpenResponse, requests: readonly ConsentRequest[]): ResponseEvent[] {
  const { responseId, random } = response.options;
  const shown = new Set(doneItems(response.items).filter(isConsentItem).map(consentKey));
  return requests
    .map(({ link, serverLabel }) =>
      oauthConsentRequest({ consentLink: link, serverLabel, responseId, random }),
    )
    .filter((item) => !shown.has(consentKey(item)))
    .flatMap((item) => wholeItem(response, item));
}
