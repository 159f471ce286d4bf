import type { ResponseEvent } from "../foundry/events.js";
import { count, list, made, optional, text } from "../options/checks.js";
import { readOptions, type OptionTable } from "../options/option-table.js";
import { idPrefixes, newId } from "../foundry/ids.js";
import {
  agentReferenceOption,
  consentItemType,
  isConsentItem,
  type AgentReference,
  type OAuthConsentRequestItem,
  type OutputItem,
} from "../foundry/items.js";
import { checkLink, policyOption, type ConsentLinkPolicy } from "./link-policy.js";
import { type Runtime, runtimeOptions } from "../runtime/runtime.js";

/** What a consent item is made from. */
export interface OAuthConsentRequestInit extends Pick<Runtime, "random"> {
  /** Where the person has to go: https, or http on a loopback host. */
  readonly consentLink: string;
  /** The label of the MCP server that the consent is for. */
  readonly serverLabel: string;
  /** The response the item belongs to; the item's id takes its partition key. */
  readonly responseId?: string;
  readonly agentReference?: AgentReference;
  /** Which links are acceptable beyond being well formed. */
  readonly policy?: ConsentLinkPolicy;
}

/**
 * The output item that asks a person to open a link. A response that has one must end `incomplete`, without
 * a reason, or the portal shows no button. Throws `consent_link_refused`.
 *
 * Entry point: `hosted-agent-identity/turn`.
 * Source: azure-rest-api-specs, ai-foundry/data-plane/Foundry, `OAuthConsentRequestOutputItem`.
 *
 * @example
 * ```ts
 * import { type ConsentRequest } from "hosted-agent-identity";
 * import { oauthConsentRequest } from "hosted-agent-identity/turn";
 *
 * export function items(requests: readonly ConsentRequest[], responseId: string) {
 *   return requests.map(({ link, serverLabel }) => oauthConsentRequest({ consentLink: link, serverLabel, responseId }));
 * }
 * ```
 * @group Consent
 */
export function oauthConsentRequest(init: OAuthConsentRequestInit): OAuthConsentRequestItem {
  const { consentLink, serverLabel, responseId, agentReference, policy, random } = readOptions(
    "oauthConsentRequest",
    consentItemOptions,
    init,
  );
  checkLink(consentLink, policy);
  return {
    type: consentItemType,
    id: newId(idPrefixes.consentRequest, random, responseId),
    consent_link: consentLink,
    server_label: serverLabel,
    ...(responseId === undefined ? {} : { response_id: responseId }),
    ...(agentReference === undefined ? {} : { agent_reference: agentReference }),
  };
}

/** The options of {@link oauthConsentRequest}. What a link may be, its policy says. */
export const consentItemOptions: OptionTable<OAuthConsentRequestInit, "random"> = {
  consentLink: text("a link"),
  serverLabel: text(),
  responseId: optional(text()),
  agentReference: agentReferenceOption,
  policy: optional(policyOption),
  random: runtimeOptions.random,
};

/** Where a host's own stream stands. */
export interface StreamPosition {
  /** The number of the next event. */
  readonly sequenceNumber: number;
  /** The index of the next output item. */
  readonly outputIndex: number;
}

/**
 * The events that show items, for hosts with an event loop of their own: `response.output_item.added` and
 * `response.output_item.done` for each, complete from the start. End the stream with `response.incomplete`,
 * with `incomplete_details: null` and the items in `output`. Throws `consent_link_refused` for a link that is not well
 * formed.
 *
 * Entry point: `hosted-agent-identity/turn`.
 *
 * @example
 * ```ts
 * import { consentEvents, oauthConsentRequest } from "hosted-agent-identity/turn";
 *
 * export function ask(consentLink: string, sequenceNumber: number, outputIndex: number) {
 *   const item = oauthConsentRequest({ consentLink, serverLabel: "contacts" });
 *   return consentEvents([item], { sequenceNumber, outputIndex });
 * }
 * ```
 * @group Consent
 */
export function consentEvents(items: readonly OutputItem[], position: StreamPosition): ResponseEvent[] {
  itemList.read(items, "consentEvents: items");
  // Whoever made them: what is no link that may be shown does not leave.
  for (const item of items) if (isConsentItem(item)) checkLink(item.consent_link, undefined);
  const { sequenceNumber, outputIndex } = readOptions("consentEvents", positionOptions, position);
  return items.flatMap((item, n) =>
    (["response.output_item.added", "response.output_item.done"] as const).map((type, step) => ({
      type,
      sequence_number: sequenceNumber + 2 * n + step,
      output_index: outputIndex + n,
      item,
    })),
  );
}

const itemList = list(made<OutputItem>("an output item", { type: "string" }));

/** The position that {@link consentEvents} begins at. */
export const positionOptions: OptionTable<StreamPosition> = {
  sequenceNumber: count(0),
  outputIndex: count(0),
};
