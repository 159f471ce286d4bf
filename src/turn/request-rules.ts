import { isHeaderSafe } from "../foundry/headers.js";
import { isIdOf } from "../foundry/ids.js";
import { invalidFields, requestError, type RequestError } from "./error-envelope.js";
import { errorDetail, fieldFaults } from "./request-fields.js";

/**
 * Why a request is refused, or `undefined`. Sources: the contract's B13 and B29 and its metadata constraints;
 * the contract tests of azure-ai-agentserver-responses for identity fields and the format of ids.
 */
export function refusedFields(body: Readonly<Record<string, unknown>>): RequestError | undefined {
  const faults = fieldFaults(body);
  if (faults.length > 0) return invalidFields(faults);
  for (const rule of rules) {
    const refusal = rule(body);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** How large the metadata of a response may be. Lengths are in characters. */
const metadataLimits = { pairs: 16, key: 64, value: 512 } as const;

type Rule = (body: Readonly<Record<string, unknown>>) => RequestError | undefined;

const rules: readonly Rule[] = [
  ({ response_id: id }) => (isGiven(id) && !isResponseId(id) ? malformed("response_id") : undefined),
  ({ agent_reference: reference }) => {
    const { type, name, version } = Object(reference) as Record<string, unknown>;
    if (reference === undefined || reference === null) return undefined;
    if (type !== "agent_reference") return badReference("type", 'Expected "agent_reference".');
    if (typeof name !== "string" || name.trim() === "") return badReference("name", "Expected a name.");
    return version === undefined || version === null || typeof version === "string"
      ? undefined
      : badReference("version", "Expected string.");
  },
  ({ background, store }) => {
    if (background !== true) return undefined;
    const why =
      store === false ? "background=true requires store=true." : "background responses are not supported.";
    return requestError(400, "unsupported_parameter", why, "background");
  },
  ({ stream, stream_options: options }) =>
    isGiven(options) && stream !== true
      ? requestError(400, "invalid_mode", "stream_options requires stream=true.", "stream")
      : undefined,
  ({ metadata }) => {
    const pairs = Object.entries((metadata ?? {}) as Record<string, string>);
    if (pairs.length > metadataLimits.pairs)
      return badMetadata(`Expected at most ${metadataLimits.pairs} pairs, got ${pairs.length}.`);
    const key = pairs.find(([name]) => lengthOf(name) > metadataLimits.key);
    if (key !== undefined) return badMetadata(`Expected keys of at most ${metadataLimits.key} characters.`);
    const value = pairs.find(([, one]) => lengthOf(one) > metadataLimits.value);
    return value === undefined
      ? undefined
      : badMetadata(
          `Expected values of at most ${metadataLimits.value} characters.`,
          `$.metadata.${value[0]}`,
        );
  },
  ({ previous_response_id: id }) =>
    isGiven(id) && !isResponseId(id) ? malformed("previous_response_id") : undefined,
  ({ conversation }) => {
    const id = conversationIdIn(conversation);
    return id !== undefined && !/^[A-Za-z0-9_-]{1,128}$/.test(id) ? malformed("conversation") : undefined;
  },
  // It is said again in a header.
  ({ agent_session_id: id }) =>
    isGiven(id) && !isHeaderSafe(id) ? malformed("agent_session_id") : undefined,
];

/** The id of the conversation that a request names: a text, or an object with an `id`. */
export function conversationIdIn(conversation: unknown): string | undefined {
  const id = typeof conversation === "string" ? conversation : (Object(conversation) as { id?: unknown }).id;
  return typeof id === "string" && id !== "" ? id : undefined;
}

/** Empty texts count as absent, as in the hosts of Python and .NET. */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}

function isResponseId(id: unknown): boolean {
  return typeof id === "string" && isIdOf("caresp", id);
}

/** Source: api-behaviour-contract.md of Azure.AI.AgentServer.Responses, B40. */
function malformed(param: string): RequestError {
  return requestError(400, "invalid_parameters", `Malformed identifier: ${param}.`, param);
}

function badReference(field: string, message: string): RequestError {
  const param = `agent_reference.${field}`;
  return invalidFields([errorDetail(`$.${param}`, message)], param);
}

function badMetadata(message: string, param = "$.metadata"): RequestError {
  return invalidFields([errorDetail(param, message)], "metadata");
}

/** In characters, of which an emoji is one. What has more than twice as many UTF-16 units is too long anyway. */
function lengthOf(text: string): number {
  return text.length > 2 * metadataLimits.value ? text.length : [...text].length;
}
