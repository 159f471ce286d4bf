import { oneOf, optional, text } from "../options/checks.js";
import { nested, type OptionCheck } from "../options/option-table.js";

/** Which agent made an item. Stamped on items by Foundry's hosts. */
export interface AgentReference {
  readonly type: "agent_reference";
  readonly name: string;
  readonly version?: string | undefined;
}

/** Who answers where neither request nor environment names an agent: clients require a name. Source: as the hosts. */
export const serverDefaultAgent: AgentReference = Object.freeze({
  type: "agent_reference",
  name: "server-default-agent",
});

/**
 * An output item of the Responses protocol, as far as a turn has to know it; every type has more fields.
 * @group Turns
 */
export interface OutputItem {
  readonly type: string;
  readonly id?: string | undefined;
}

/**
 * The item that asks a person to open a link. It has neither status nor expiry. Source: azure-rest-api-specs,
 * ai-foundry/data-plane/Foundry, `OAuthConsentRequestOutputItem`.
 * @group Consent
 */
export interface OAuthConsentRequestItem extends OutputItem {
  readonly type: "oauth_consent_request";
  readonly id: string;
  /** https, or http on a loopback host. For the person who asked, and for nobody else. */
  readonly consent_link: string;
  /** Required by the schema, but Foundry's own sample leaves it out. */
  readonly server_label?: string | undefined;
  /** What the client sends as `previous_response_id` when it repeats the prompt. */
  readonly response_id?: string | undefined;
  readonly agent_reference?: AgentReference | undefined;
}

/** A piece of answer text. */
export interface OutputTextPart {
  readonly type: "output_text";
  readonly text: string;
  readonly annotations: readonly unknown[];
  readonly logprobs: readonly unknown[];
}

/** The name of the consent item's type. */
export const consentItemType = "oauth_consent_request";

/** Whether an item asks for consent. What its link is, has to be checked. */
export function isConsentItem(item: OutputItem): item is OAuthConsentRequestItem {
  return item.type === consentItemType;
}

/** The option `agentReference`. */
export const agentReferenceOption: OptionCheck<AgentReference | undefined> = /* @__PURE__ */ optional(
  /* @__PURE__ */ nested<AgentReference>({
    type: /* @__PURE__ */ oneOf("agent_reference"),
    name: /* @__PURE__ */ text(),
    version: /* @__PURE__ */ optional(/* @__PURE__ */ text()),
  }),
);
