import { consentItemType, type AgentReference } from "../foundry/items.js";
import { type ConsentLinkPolicy, linkFault } from "./link-policy.js";

/**
 * What a client shows a person who has to open a link first.
 * @group Consent
 */
export interface ConsentCard {
  /** Checked: https, or http on a loopback host. For the person who asked, and for nobody else; not for logs. */
  readonly link: string;
  /** For which MCP server. The agent's words: show them as text. Not every host sends one. */
  readonly serverLabel?: string | undefined;
  /** What to send as `previous_response_id` when the prompt is repeated. */
  readonly responseId?: string | undefined;
  readonly agentReference?: AgentReference | undefined;
}

/** How consent requests are read. */
export interface ReadConsentRequestsOptions {
  /** Which links may be shown. Default: every well-formed one. */
  readonly policy?: ConsentLinkPolicy;
  /** Receives why a link may not be shown, without the link. Such a request makes no card. */
  readonly onRefused?: (refusal: ConsentLinkRefusal) => void;
}

/** Why a link is not shown. */
export interface ConsentLinkRefusal {
  /** What is wrong with the link, for a log; the link is not in it. */
  readonly reason: string;
  readonly serverLabel?: string | undefined;
}

/**
 * What a finished response asks its person to open, each link and server once; a single event of a stream may
 * be given as well. The response may come from any host and any version of the service, and as anything: what
 * cannot be read asks for nothing. Does not throw.
 *
 * Entry point: `hosted-agent-identity/consent`, which loads in browsers.
 *
 * @example
 * ```ts
 * import { readConsentRequests } from "hosted-agent-identity/consent";
 * import OpenAI from "openai";
 *
 * export async function ask(agent: OpenAI, input: string): Promise<string> {
 *   const response = await agent.responses.create({ model: "agent", input });
 *   const [card] = readConsentRequests(response);
 *   return card === undefined ? response.output_text : `Open the link for ${card.serverLabel ?? "the agent"}.`;
 * }
 * ```
 * @group Consent
 */
export function readConsentRequests(
  message: unknown,
  options: ReadConsentRequestsOptions = {},
): ConsentCard[] {
  return consentReader(options)(message);
}

/**
 * Reads one stream, event by event: the returned function gives what each event newly asks for. The same
 * request comes several times in a stream (item added, item done, the last response) and is given once. Give
 * it every event from the first one on, which names the response. Does not throw.
 *
 * Entry point: `hosted-agent-identity/consent`, which loads in browsers.
 * Sources: azure-rest-api-specs, ai-foundry/data-plane/Foundry, `OAuthConsentRequestOutputItem`; agent-framework
 * PR 5070 for the top-level event `response.oauth_consent_requested` of older services.
 *
 * @example
 * ```ts
 * import { consentReader, type ConsentCard } from "hosted-agent-identity/consent";
 *
 * export async function show(events: AsyncIterable<unknown>, card: (card: ConsentCard) => void): Promise<void> {
 *   const read = consentReader();
 *   for await (const event of events) read(event).forEach(card);
 * }
 * ```
 * @group Consent
 */
export function consentReader(options: ReadConsentRequestsOptions = {}): (message: unknown) => ConsentCard[] {
  /** Of each link, the labels it came with. */
  const known = new Map<unknown, Set<string | undefined>>();
  let responseId: string | undefined;

  function card(item: Fields): ConsentCard[] {
    const { consent_link: link, server_label, response_id, agent_reference } = item;
    const label = textOf(server_label);
    const labels = known.get(link) ?? new Set();
    // The event of older services may lack the label that the item beside it has.
    if (labels.has(label) || labels.has(undefined) || (label === undefined && labels.size > 0)) return [];
    known.set(link, labels.add(label));
    const reason = refusalOf(link, options.policy);
    if (reason !== undefined) {
      options.onRefused?.({ reason, serverLabel: label });
      return [];
    }
    return [
      {
        link: link as string,
        serverLabel: label,
        responseId: textOf(response_id) ?? responseId,
        agentReference: isAgentReference(agent_reference) ? agent_reference : undefined,
      },
    ];
  }

  return function read(message) {
    const fields = fieldsOf(message);
    const response = fieldsOf(fields["object"] === "response" ? message : fields["response"]);
    responseId = textOf(response["id"]) ?? responseId;
    return requestsIn(fields, response).flatMap(card);
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** Where a request can stand: an event of its own, the item of an event, the output of a response. */
function requestsIn(event: Fields, response: Fields): Fields[] {
  if (event["type"] === "response.oauth_consent_requested") return [event];
  const output = Array.isArray(response["output"]) ? (response["output"] as unknown[]) : [];
  return [event["item"], ...output].map(fieldsOf).filter(({ type }) => type === consentItemType);
}

function refusalOf(link: unknown, policy: ConsentLinkPolicy | undefined): string | undefined {
  const fault = linkFault(link);
  if (fault !== undefined) return fault;
  try {
    policy?.check(link as string);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : "the policy refused it";
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function isAgentReference(value: unknown): value is AgentReference {
  const { name, version } = fieldsOf(value);
  return typeof name === "string" && (version === undefined || typeof version === "string");
}
