import type { ErrorDetail } from "./error-envelope.js";

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
export function fieldFaults(body: Readonly<Record<string, unknown>>): readonly ErrorDetail[] {
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
export function errorDetail(param: string, message: string): ErrorDetail {
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
