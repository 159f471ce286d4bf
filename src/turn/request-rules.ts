import { isHeaderSafe } from "../foundry/headers.js";
import { isIdOf } from "../foundry/ids.js";
import { invalidFields, requestError, type RequestError, type ErrorDetail } from "./error-envelope.js";

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

/** A type of JSON, as error messages call it. */
type JsonType = "array" | "boolean" | "integer" | "null" | "number" | "object" | "string";

interface FieldRule {
  readonly types: readonly JsonType[];
  /** What each entry of a list or of an object has to be. */
  readonly entries?: JsonType;
  /** The only texts that a text may be. */
  readonly texts?: readonly string[];
}

const text: FieldRule = { types: ["string"] };
const flag: FieldRule = { types: ["boolean"] };
const count: FieldRule = { types: ["integer"] };
const amount: FieldRule = { types: ["number"] };
const object: FieldRule = { types: ["object"] };
const objects: FieldRule = { types: ["array"], entries: "object" };

/**
 * The fields of `POST /responses` and their types. What is inside a tool, an item or a setting is for the model
 * to judge, and so are names that OpenAI adds to: a value of tomorrow is not refused here.
 * Source: `CreateResponse` of azure-rest-api-specs, ai-foundry/data-plane/Foundry.
 */
const fieldRules: Readonly<Record<string, FieldRule>> = {
  agent_reference: object,
  agent_session_id: text,
  background: flag,
  context_management: objects,
  conversation: { types: ["string", "object"] },
  include: { types: ["array"], entries: "string" },
  input: { types: ["string", "array"], entries: "object" },
  instructions: text,
  max_output_tokens: count,
  max_tool_calls: count,
  metadata: { types: ["object"], entries: "string" },
  model: text,
  parallel_tool_calls: flag,
  previous_response_id: text,
  prompt: object,
  prompt_cache_key: text,
  reasoning: object,
  response_id: text,
  safety_identifier: text,
  service_tier: text,
  store: flag,
  stream: flag,
  stream_options: object,
  structured_inputs: object,
  temperature: amount,
  text: object,
  tool_choice: { types: ["string", "object"], texts: ["none", "auto", "required"] },
  tools: objects,
  top_logprobs: count,
  top_p: amount,
  truncation: { types: ["string"], texts: ["auto", "disabled"] },
  user: text,
};

/** More than these are not told: the list is for a person. */
const maxDetails = 20;

/** What is wrong with the types of a body's fields. `null` counts as absent, and unknown fields are ignored. */
function fieldFaults(body: Readonly<Record<string, unknown>>): readonly ErrorDetail[] {
  const faults: ErrorDetail[] = [];
  for (const [field, rule] of Object.entries(fieldRules)) {
    const value = Object.hasOwn(body, field) ? body[field] : undefined;
    if (value === undefined || value === null) continue;
    for (const fault of faultsOf(value, rule, `$.${field}`)) {
      faults.push(fault);
      if (faults.length === maxDetails) return faults;
    }
  }
  const { conversation } = body;
  if (typeOf(conversation) === "object" && typeof (conversation as { id?: unknown }).id !== "string")
    faults.push(mismatch("$.conversation.id", ["string"], (conversation as { id?: unknown }).id));
  return faults;
}

function* faultsOf(value: unknown, rule: FieldRule, param: string): Generator<ErrorDetail> {
  const { types, entries, texts } = rule;
  if (!types.some((type) => isType(value, type))) return yield mismatch(param, types, value);
  if (typeof value === "string" && texts !== undefined && !texts.includes(value)) {
    return yield errorDetail(param, `Expected one of ${texts.join(", ")}, got ${shown(value)}.`);
  }
  if (entries === undefined || typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (let n = 0; n < value.length; n += 1)
      if (!isType(value[n], entries)) yield mismatch(`${param}[${n}]`, [entries], value[n]);
    return;
  }
  for (const [key, one] of Object.entries(value))
    if (!isType(one, entries)) yield mismatch(`${param}.${key.slice(0, 64)}`, [entries], one);
}

/** One thing that is wrong with a request. Source: api-behaviour-contract.md of Azure.AI.AgentServer.Responses, B29. */
function errorDetail(param: string, message: string): ErrorDetail {
  return { type: "invalid_request_error", code: "invalid_value", message, param };
}

function mismatch(param: string, types: readonly JsonType[], value: unknown): ErrorDetail {
  return errorDetail(param, `Expected ${types.join(" or ")}, got ${typeOf(value)}.`);
}

function isType(value: unknown, type: JsonType): boolean {
  const actual = typeOf(value);
  return actual === type || (type === "number" && actual === "integer");
}

function typeOf(value: unknown): JsonType | "nothing" {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "boolean";
  return typeof value === "object" ? "object" : "nothing";
}

function shown(value: string): string {
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
}
