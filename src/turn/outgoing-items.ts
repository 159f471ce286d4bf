import type { ResponseEvent } from "../foundry/events.js";
import { refusedLink, type ConsentLinkPolicy } from "../consent/link-policy.js";
import {
  consentItemType,
  isConsentItem,
  type OAuthConsentRequestItem,
  type OutputItem,
} from "../foundry/items.js";
import { invalid, readRunOutput, type Unnumbered } from "./run-output.js";

/** Which consent links may leave. */
export interface LinkRules {
  /** Beyond well-formed links, which every link has to be. */
  readonly policy?: ConsentLinkPolicy | undefined;
  /** Receives a consent link that may not leave. */
  readonly onRefusedLink?: ((link: unknown, serverLabel: unknown) => void) | undefined;
}

/**
 * The item of an event. Every item that leaves has come through here: a consent item whose link may not be shown ends
 * the turn before anything of it is written.
 */
export function itemOf(rules: LinkRules, event: Unnumbered): OutputItem {
  const item = Object(event["item"]) as { readonly type?: unknown };
  if (typeof item.type !== "string")
    throw invalid(`The run yielded "${event.type}" whose item has no type.`, "Give the item its type.");
  if (item.type === consentItemType) checkConsentItem(rules, item as OAuthConsentRequestItem);
  return item as OutputItem;
}

/** Checks the consent items of an event that is sent as it is, wherever clients look for one. */
export function checkItemsIn(rules: LinkRules, item: unknown, response: unknown): void {
  const { output } = Object(response) as { readonly output?: unknown };
  for (const one of [item, ...(Array.isArray(output) ? (output as readonly unknown[]) : [])]) {
    const inside = Object(one) as OutputItem;
    if (isConsentItem(inside)) checkConsentItem(rules, inside);
  }
}

/**
 * An event that no turn has checked, as it may leave: a copy, so that what was checked is what is sent. `undefined` for
 * `keepalive`. Throws `invalid_run_output` and `consent_link_refused`.
 */
export function outgoingEvent(given: unknown): ResponseEvent | undefined {
  const event = readRunOutput(given);
  if (typeof event === "string")
    throw invalid("toSse() got text.", "Give it events; withConsent() makes them of text.");
  if (event === undefined) return undefined;
  const { type, item, response } = event;
  if (type === "response.output_item.added" || type === "response.output_item.done") itemOf({}, event);
  if (type === "response.oauth_consent_requested") checkConsentItem({}, event);
  checkItemsIn({}, item, response);
  return event as object as ResponseEvent;
}

/** What makes two consent items the same request. */
export function consentKey({ consent_link, server_label }: OAuthConsentRequestItem): string {
  return JSON.stringify([consent_link, server_label]);
}

function checkConsentItem({ policy, onRefusedLink }: LinkRules, item: object): void {
  const { consent_link: link, server_label: serverLabel } = item as Readonly<Record<string, unknown>>;
  const refused = refusedLink(link, policy);
  if (refused === undefined) return;
  onRefusedLink?.(link, serverLabel);
  throw refused;
}
