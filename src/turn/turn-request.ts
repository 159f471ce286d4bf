import type { AgentReference } from "../foundry/items.js";
import { requestError, type RequestError } from "./error-envelope.js";
import { parsedBody } from "./request-body.js";
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
  return { type: "agent_reference", name: name.trim(), ...(typeof version === "string" ? { version } : {}) };
}
