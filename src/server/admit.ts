import { excessText } from "../input/json-limits.js";
import { callerOf, authInfoOf, type EntraAuthInfo } from "./auth-info.js";
import { callsOf, unmetRequirement } from "./tool-requirements.js";
import type { GateSettings } from "./settings.js";
import { rpcRefusal, type Refusal, type Refusals } from "./refusal.js";
import type { OpenSessions } from "./sessions.js";

/** A request, as far as it decides who may make it. */
export interface GateRequest {
  readonly method: string;
  /** Every `Authorization` header that came. */
  readonly authorization: readonly string[];
  readonly sessionId: string | undefined;
  /** The parsed body. Throws a {@link Refusal} for what cannot be read. */
  body(): Promise<unknown>;
}

/** A request that may go on. */
export interface Admitted {
  readonly authInfo: EntraAuthInfo;
  /** The parsed body of a request that makes calls: a POST. */
  readonly body: unknown;
  /** Call it with the answer's status and session id, to note a session that was opened or ended. */
  answered(status: number, sessionId: string | undefined): void;
}

export type Admission = { readonly admitted: Admitted } | { readonly refused: Refusal };

/** The gate itself: token, session, then what the calls need. */
export async function admit(
  request: GateRequest,
  settings: GateSettings,
  refuse: Refusals,
  sessions: OpenSessions,
): Promise<Admission> {
  const { method, authorization, sessionId } = request;
  if (authorization.length > 1) return { refused: refuse.severalTokens() };
  const token = /^bearer +(\S.*)$/i.exec(authorization[0] ?? "")?.[1];
  if (token === undefined) return { refused: refuse.noToken() };

  let authInfo: EntraAuthInfo;
  let claims;
  try {
    const verified = await settings.verify(token.trimEnd());
    claims = verified.assertion.claims;
    authInfo = authInfoOf(verified, settings);
  } catch (error) {
    return { refused: refuse.notVerified(error) };
  }

  const { principalKey } = callerOf(authInfo);
  // One answer for both, which does not reveal another caller's session. The client opens a new one, as MCP says.
  if (sessionId !== undefined && !sessions.isOf(sessionId, principalKey))
    return { refused: rpcRefusal(404, -32001, "Session not found") };

  // In MCP only POST has a body. Any other method that may have one needs the same.
  const hasCalls = !withoutCalls.has(method);
  const body = hasCalls ? await request.body() : undefined;
  const calls = hasCalls ? callsOf(body) : [];
  if (calls === undefined) return { refused: notRpc };
  const refused = await unmetRequirement(calls, authInfo, claims, settings, refuse);
  if (refused !== undefined) return { refused };

  const answered = (status: number, opened: string | undefined): void => {
    if (status >= 400) return;
    if (sessionId === undefined && opened !== undefined) sessions.opened(opened, principalKey);
    if (sessionId !== undefined && method === "DELETE") sessions.ended(sessionId);
  };
  return { admitted: { authInfo, body, answered } };
}

const withoutCalls: ReadonlySet<string> = new Set(["GET", "HEAD", "DELETE", "OPTIONS"]);

export const notRpc: Refusal = rpcRefusal(400, -32700, "Parse error: expected JSON-RPC 2.0");
export const tooComplex: Refusal = rpcRefusal(
  400,
  -32600,
  `The request has more than ${excessText("depth")} or ${excessText("values")}`,
);
export const tooLong: Refusal = rpcRefusal(413, -32600, "The request is too large");
/** The answer where a callback of yours has thrown: it does not show the error. */
export const broken: Refusal = rpcRefusal(500, -32603, "Internal error");
