import { excessText } from "../input/json-limits.js";
import { clocksOf } from "../async/clocks.js";
import { UserContext } from "../context/user-context.js";
import type { VerifiedUserToken } from "../user-token/verify.js";
import { callerOf, authInfoOf, type EntraAuthInfo } from "./auth-info.js";
import { unmetDemands, type PersonCalling, type UnmetDemands } from "./downstream.js";
import { askedRequest, initializedWithUrls, urlClients, type UrlClients } from "./pages.js";
import { callsOf, unmetRequirement } from "./tool-requirements.js";
import type { GateSettings } from "./settings.js";
import { refusals, rpcRefusal, type Refusal, type Refusals } from "./refusal.js";
import { openSessions, type OpenSessions } from "./sessions.js";

/** What one gate is, and what it keeps in this process. */
export interface Gate {
  readonly settings: GateSettings;
  readonly refuse: Refusals;
  readonly sessions: OpenSessions;
  readonly clients: UrlClients;
  readonly unmet: UnmetDemands;
}

/** Makes a gate that has let nobody in yet. */
export function gateOf(settings: GateSettings): Gate {
  return {
    settings,
    refuse: refusals(settings),
    sessions: openSessions(),
    clients: urlClients(),
    unmet: unmetDemands(clocksOf(settings.now).age),
  };
}

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
  /** The person who calls, as whom the tools run. End it with the answer. Absent for an application, and without calls. */
  readonly person: PersonCalling | undefined;
  /** Call it with the answer's status and session id, to note a session that was opened or ended. */
  answered(status: number, sessionId: string | undefined): void;
}

export type Admission = { readonly admitted: Admitted } | { readonly refused: Refusal };

/** The gate itself: token, session, then what the calls need. */
export async function admit(
  request: GateRequest,
  { settings, refuse, sessions, clients, unmet }: Gate,
): Promise<Admission> {
  const { method, authorization, sessionId } = request;
  if (authorization.length > 1) return { refused: refuse.severalTokens() };
  const token = /^bearer +(\S.*)$/i.exec(authorization[0] ?? "")?.[1];
  if (token === undefined) return { refused: refuse.noToken() };

  let authInfo: EntraAuthInfo;
  let verified: VerifiedUserToken;
  try {
    verified = await settings.verify(token.trimEnd());
    authInfo = authInfoOf(verified, settings);
  } catch (error) {
    return { refused: refuse.notVerified(error) };
  }

  const { kind, principalKey, clientId, tid } = callerOf(authInfo);
  // One answer for both, which does not reveal another caller's session. The client opens a new one, as MCP says.
  if (sessionId !== undefined && !sessions.isOf(sessionId, principalKey))
    return { refused: rpcRefusal(404, -32001, "Session not found") };

  // In MCP only POST has a body. Any other method that may have one needs the same.
  const hasCalls = !withoutCalls.has(method);
  const body = hasCalls ? await request.body() : undefined;
  const calls = hasCalls ? callsOf(body) : [];
  if (calls === undefined) return { refused: notRpc };
  const client = { sessionId, principalKey, clientId };
  const person =
    hasCalls && kind === "user"
      ? { context: contextOf(verified), tid, asked: askedRequest(body, clients.has(client)), unmet }
      : undefined;
  const { claims } = verified.assertion;
  const refused = await unmetRequirement({ calls, authInfo, claims, person }, settings, refuse);
  if (refused !== undefined) {
    person?.context.end();
    return { refused };
  }

  const takesUrls = initializedWithUrls(body);
  const answered = (status: number, opened: string | undefined): void => {
    if (status >= 400) return;
    if (takesUrls !== undefined) clients.note({ ...client, sessionId: opened }, takesUrls);
    if (sessionId === undefined && opened !== undefined) sessions.opened(opened, principalKey);
    if (sessionId !== undefined && method === "DELETE") sessions.ended(sessionId);
  };
  return { admitted: { authInfo, body, person, answered } };
}

/** The caller of one request, as whom its tools run. */
function contextOf({ user, assertion }: VerifiedUserToken): UserContext {
  const { tid, oid } = user;
  return new UserContext({
    principal: { kind: "entra", tid, oid },
    user,
    platform: { hosted: false },
    clientHeaders: {},
    trace: {},
    assertion,
  });
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
