import type { UserContext } from "../context/user-context.js";
import { internalsOf } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";
import { challengeHeader } from "./challenges.js";
import { beginning } from "./inspected-answer.js";
import type { OutgoingInit } from "./outgoing-request.js";
import { sessionIdsOf } from "./sessions.js";

/**
 * Whether an answer says that the MCP session of its request is gone. MCP 2025-11-25 (transports, session management)
 * wants 404 for a session id that the server does not know. Many servers answer 400, and some 401 without a challenge:
 * there the body decides. A result of a tool never does, because it comes with 200.
 */
export async function saysSessionIsLost(
  response: Response,
  { method, headers }: OutgoingInit,
): Promise<boolean> {
  if (method !== "POST" || headers["mcp-session-id"] === undefined) return false;
  const { status } = response;
  if (status === 404) return true;
  if (status !== 400 && (status !== 401 || challengeHeader(response.headers) !== null)) return false;
  const text = await beginning(response.clone());
  return text !== undefined && lostForms.test(reasonIn(text).slice(0, maxReason));
}

const maxReason = 500;

/**
 * What servers say. "Bad Request: Server not initialized": the transport of the TypeScript SDK, when it is made anew.
 * "Bad Request: No valid session ID provided", "Invalid or missing session ID": the examples of that SDK, and older
 * Python SDKs. "Invalid session ID": mcp-go. "Unauthorized: Session not found": older versions of rmcp. "No active
 * transport": mcp-proxy. Not among them: "Mcp-Session-Id header is required", which says that a proxy took it off.
 */
const lostForms =
  /\bnot initialized\b|\bno valid session\b|\bno (?:active )?transport\b|\b(?:invalid|unknown|expired)(?: or \w+)? (?:mcp-)?session|\bsession\b.*\b(?:not found|expired|terminated|does not exist)\b/i;

/** The message of a JSON-RPC error that a transport answers with, or a body of plain text. */
function reasonIn(text: string): string {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return text;
  }
  const { code, message } = Object(Object(body)["error"]) as { code?: unknown; message?: unknown };
  return typeof message === "string" && isOfTransport(code) ? message : "";
}

/** Invalid request, or one of those that JSON-RPC leaves to the server. Source: JSON-RPC 2.0, section 5.1. */
function isOfTransport(code: unknown): boolean {
  return code === -32600 || (typeof code === "number" && code <= -32000 && code >= -32099);
}

/** Notes that the session of a request is gone, for the pool whose client it is. */
export function lostSession(
  context: UserContext,
  serverLabel: string,
  { headers }: OutgoingInit,
): HostedAgentIdentityError {
  const lost = (internalsOf(context).lostSessions ??= new Set());
  for (const id of sessionIdsOf(headers)) lost.add(id);
  return new HostedAgentIdentityError(
    "mcp_session_lost",
    `The MCP server ${JSON.stringify(serverLabel)} no longer knows the session of this client; it has not done what was asked.`,
  );
}
