import type { OutgoingInit } from "./outgoing-request.js";

/** A JSON-RPC request in the body of a request. */
export interface SentRpc {
  readonly id: unknown;
  readonly method: unknown;
  /** Whether its client has declared itself that it takes URLs. */
  readonly declaresUrl: boolean;
}

/** Longer bodies are not read. */
const maxBody = 1_048_576;

/** The requests that may be answered with a request for input. Source: MCP 2026-07-28, multi round-trip requests. */
const answeredWithInput: ReadonlySet<unknown> = new Set(["tools/call", "resources/read", "prompts/get"]);

/** Where a request of MCP 2026-07-28 declares what its client can do. */
const capabilitiesField = "io.modelcontextprotocol/clientCapabilities";

/** Whether a request of this method may be answered with a request for input. */
export function mayNeedInput(method: unknown): boolean {
  return answeredWithInput.has(method);
}

/** The JSON-RPC request that a body is; `undefined` for any other body, a batch and a stream included. */
export function sentRpc({ body }: Pick<OutgoingInit, "body">): SentRpc | undefined {
  const message = messageIn(body);
  if (message === undefined) return undefined;
  const { id, method } = message;
  return { id, method, declaresUrl: "url" in fieldsOf(capabilitiesOf(message)?.["elicitation"]) };
}

/** What a parsed request says of its client and URLs; `unsaid` for those of a version that says it in `initialize`. */
export function urlCapability(message: object): "declared" | "undeclared" | "unsaid" {
  const declared = capabilitiesOf(fieldsOf(message));
  if (declared === undefined) return "unsaid";
  return "url" in fieldsOf(declared["elicitation"]) ? "declared" : "undeclared";
}

/**
 * The request with the capability to open URLs declared: in `_meta` of the requests of MCP 2026-07-28 that may be
 * answered with a request for input, and in `initialize` of MCP 2025-11-25. Nothing else of it is changed. What the
 * client declares itself stays; an empty `elicitation` stands for forms, which have to be named beside URLs.
 */
export function withUrlElicitation(init: OutgoingInit): OutgoingInit {
  const { method, headers, body } = init;
  if (
    method !== "POST" ||
    typeof body !== "string" ||
    !/"(?:tools|resources|prompts)\\?\/|"initialize"/.test(body)
  )
    return init;
  const message = messageIn(body);
  if (message === undefined) return init;
  const declared = capabilitiesOf(message, headers["mcp-protocol-version"]);
  if (declared === undefined) return init;
  const elicitation = fieldsOf(declared["elicitation"]);
  if ("url" in elicitation) return init;
  const isForm = declared["elicitation"] !== undefined && Object.keys(elicitation).length === 0;
  const more = isForm ? { form: {}, url: {} } : { ...elicitation, url: {} };
  return { ...init, body: JSON.stringify(withCapabilities(message, { ...declared, elicitation: more })) };
}

type Fields = Readonly<Record<string, unknown>>;

/** The capabilities of a message that may declare them; `undefined` for any other one. */
function capabilitiesOf({ method, params }: Fields, version = ""): Fields | undefined {
  if (method === "initialize") return fieldsOf(fieldsOf(params)["capabilities"]);
  if (!mayNeedInput(method)) return undefined;
  const declared = fieldsOf(fieldsOf(params)["_meta"])[capabilitiesField];
  // A request of an older version declares nothing: its client did so once, in `initialize`.
  return declared === undefined && version < "2026-07-28" ? undefined : fieldsOf(declared);
}

function withCapabilities(message: Fields, capabilities: Fields): Fields {
  const params = fieldsOf(message["params"]);
  if (message["method"] === "initialize") return { ...message, params: { ...params, capabilities } };
  const meta = { ...fieldsOf(params["_meta"]), [capabilitiesField]: capabilities };
  return { ...message, params: { ...params, _meta: meta } };
}

function messageIn(body: unknown): Fields | undefined {
  if (typeof body !== "string" || body.length > maxBody) return undefined;
  try {
    const message: unknown = JSON.parse(body);
    return Array.isArray(message) || fieldsOf(message)["jsonrpc"] !== "2.0" ? undefined : fieldsOf(message);
  } catch {
    return undefined;
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
