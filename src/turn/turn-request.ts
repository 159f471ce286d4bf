import { isUtf8 } from "node:buffer";
import type { AgentReference } from "../foundry/items.js";
import { excessInText, excessInValue, excessText, type JsonExcess } from "../input/json-limits.js";
import { requestError, type RequestError } from "./error-envelope.js";
import { conversationIdIn, refusedFields } from "./request-rules.js";

/** The request that a turn answers. */
export interface TurnRequest {
  /** The parsed body, as it came. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The prompt: `input` if it is a text, else the text of its last message of the user. Empty if there is none. */
  readonly input: string;
  /** The response this one follows; after a consent request, the interrupted one. */
  readonly previousResponseId?: string;
}

/** What a host needs to know of a request besides. */
export interface ReadRequest {
  readonly request: TurnRequest;
  readonly stream: boolean;
  readonly agentReference?: AgentReference;
  readonly sessionId?: string;
  readonly conversationId?: string;
  /** What the caller wants the response to be called. */
  readonly responseId?: string;
}

/** Reads the body of `POST /responses`: text, bytes, or what a body parser made of it. */
export function readTurnRequest(raw: unknown): ReadRequest | RequestError {
  const parsed = parsedBody(raw);
  if ("error" in parsed) return parsed;
  const { value: body } = parsed;
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return requestError(400, "invalid_request", "The request body has to be a JSON object.");
  }
  const fields = body as Readonly<Record<string, unknown>>;
  const refusal = refusedFields(fields);
  if (refusal !== undefined) return refusal;
  const previousResponseId = textIn(fields["previous_response_id"]);
  return {
    request: {
      body: fields,
      input: inputText((fields["input"] ?? "") as string | readonly unknown[]),
      ...present({ previousResponseId }),
    },
    stream: fields["stream"] === true,
    ...present({
      agentReference: agentReferenceOf(fields["agent_reference"]),
      sessionId: textIn(fields["agent_session_id"]),
      conversationId: conversationIdIn(fields["conversation"]),
      responseId: textIn(fields["response_id"]),
    }),
  };
}

/** An empty text counts as absent. */
function textIn(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The fields that have a value. */
function present<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

/** The prompt in an input: itself if it is a text, else the text of its last message of the user. */
export function inputText(input: string | readonly unknown[]): string {
  if (typeof input === "string") return input;
  const last = input.findLast((item) => (Object(item) as { role?: unknown }).role === "user");
  const { content } = Object(last) as { content?: unknown };
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  const texts = content.map((part) => (Object(part) as { text?: unknown }).text);
  return texts.filter((text) => typeof text === "string").join("\n");
}

function agentReferenceOf(value: unknown): AgentReference | undefined {
  const { name, version } = Object(value) as { name?: unknown; version?: unknown };
  if (typeof name !== "string" || name === "") return undefined;
  return {
    type: "agent_reference",
    name: name.trim(),
    ...(typeof version === "string" && version !== "" ? { version } : {}),
  };
}

/** A body as a value, or why it is refused. */
export type ParsedBody = { readonly value: unknown } | RequestError;

/**
 * Parses a request body: its bytes, its text, or what a body parser has made of it. The limits of
 * `jsonLimits` hold for all three. For bytes and text they are checked first, so that nothing is built of
 * a body that is refused. A byte order mark is read over, as RFC 8259 section 8.1 allows.
 */
export function parsedBody(raw: unknown): ParsedBody {
  if (typeof raw !== "string" && !(raw instanceof Uint8Array)) {
    const excess = excessInValue(raw);
    return excess === undefined ? { value: raw } : tooComplex(excess);
  }
  // No copy: a body of 4 MiB is read faster than it is copied.
  const bytes =
    typeof raw === "string" ? Buffer.from(raw) : Buffer.from(raw.buffer, raw.byteOffset, raw.length);
  if (bytes.length === 0) return invalidJson("The request body is empty: send a JSON object.");
  if (!isUtf8(bytes)) return invalidJson("The request body is not valid UTF-8.");
  const excess = excessInText(bytes);
  if (excess !== undefined) return tooComplex(excess);
  try {
    return { value: JSON.parse(bytes.toString("utf8").replace(/^\uFEFF/, "")) as unknown };
  } catch {
    return invalidJson("The request body is not valid JSON.");
  }
}

function invalidJson(message: string): RequestError {
  return requestError(400, "invalid_json", message);
}

function tooComplex(excess: JsonExcess): RequestError {
  return requestError(400, "request_too_complex", `The request body has more than ${excessText(excess)}.`);
}
