import { isHeaderSafe } from "../foundry/headers.js";
import type { AgentReference } from "../foundry/items.js";
import { requestError, type RequestError } from "./error-envelope.js";

/** The request that a turn answers. */
export interface TurnRequest {
  /** The parsed body, as it came. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The prompt: `input` if it is a text, else the text of its last message of the user. */
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
}

/** The fields of a body that have to be of one type, if they are there. */
const fieldTypes = {
  stream: "boolean",
  previous_response_id: "string",
  background: "boolean",
  model: "string",
} as const;

/** Reads the body of `POST /responses`: text, bytes, or what a body parser made of it. */
export function readTurnRequest(raw: unknown): ReadRequest | RequestError {
  const body = parsed(raw);
  if (body === undefined) return requestError(400, "invalid_json", "The request body is not valid JSON.");
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return requestError(400, "invalid_request", "The request body has to be a JSON object.");
  }
  const fields = body as Record<string, unknown>;
  for (const [field, type] of Object.entries(fieldTypes)) {
    const value = fields[field] ?? undefined;
    if (value !== undefined && typeof value !== type)
      return requestError(400, "invalid_type", `${field} has to be a ${type}.`, field);
  }
  const { input, stream, background, previous_response_id: previous, agent_session_id: sessionId } = fields;
  if (typeof input !== "string" && !Array.isArray(input)) {
    const code = input === undefined ? "missing_required_parameter" : "invalid_type";
    return requestError(400, code, "input has to be a text or a list of items.", "input");
  }
  if (background === true) {
    return requestError(
      400,
      "unsupported_parameter",
      "background responses are not supported.",
      "background",
    );
  }
  const agentReference = agentReferenceOf(fields["agent_reference"]);
  const request = {
    body: fields,
    input: inputText(input),
    ...(typeof previous === "string" ? { previousResponseId: previous } : {}),
  };
  return {
    request,
    stream: stream === true,
    ...(agentReference === undefined ? {} : { agentReference }),
    ...(isHeaderSafe(sessionId) ? { sessionId } : {}),
  };
}

function parsed(raw: unknown): unknown {
  const text = raw instanceof Uint8Array ? Buffer.from(raw).toString("utf8") : raw;
  if (typeof text !== "string") return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
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
  return { type: "agent_reference", name, ...(typeof version === "string" ? { version } : {}) };
}
