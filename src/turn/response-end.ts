import { oauthConsentRequest } from "../consent/consent-item.js";
import type { ConsentRequest } from "../errors.js";
import type { ResponseEvent, ResponseFailure } from "../foundry/events.js";
import { isConsentItem } from "../foundry/items.js";
import { fieldsOf } from "./model-calls.js";
import { closeAnswer, seconds, wholeItem, type OpenResponse } from "./open-response.js";
import { consentKey } from "./outgoing-items.js";
import { closeItem, doneItems, numbered } from "./output-items.js";
import type { Unnumbered } from "./run-output.js";

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
