import { authContextRequest, isAuthContext } from "../entra/auth-context.js";
import { stringClaim, type TokenClaims } from "../entra/token-claims.js";
import { check, list, nested, optional, text, type OptionCheck, type OptionTable } from "../errors.js";
import { callerOf, type Caller, type EntraAuthInfo } from "./auth-info.js";
import type { GateSettings } from "./options.js";
import type { Refusal, Refusals } from "./refusal.js";

/**
 * What a call needs besides a token for this server.
 * @group MCP server
 */
export interface ToolDemand {
  /** Scopes that a person must have allowed, all of them; short names. */
  readonly scopes?: readonly string[];
  /** Roles of which an application needs one. Without them an application may not make a call that needs scopes. */
  readonly roles?: readonly string[];
  /** An authentication context of the tenant that the person must have met (`acrs`), for example `c1`. */
  readonly authContext?: string;
  /** A claims request that the token does not meet, as JSON: only from `demand`, which has looked at the claims. */
  readonly claims?: string;
}

/**
 * One call that a request makes.
 * @group MCP server
 */
export interface McpCall {
  /** The method of the protocol, for example `tools/call`. */
  readonly method: string;
  /** The tool that is called. */
  readonly tool?: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly caller: Caller;
}

/** The calls of a parsed body, one or a batch; `undefined` for what is no JSON-RPC. */
export function callsOf(body: unknown): readonly Omit<McpCall, "caller">[] | undefined {
  const messages: unknown[] = Array.isArray(body) ? body : [body];
  // What a parser in front could not read is {} in Express 4: it must not pass for a request without calls.
  if (messages.length === 0 || !messages.every(isMessage)) return undefined;
  return messages.flatMap(({ method, params }) => {
    if (typeof method !== "string") return [];
    const given = isRecord(params) ? params : {};
    const tool = method === "tools/call" && typeof given["name"] === "string" ? { tool: given["name"] } : {};
    return [{ method, params: given, ...tool }];
  });
}

/** What the calls lack; `undefined` when they may go on. */
export async function unmet(
  calls: readonly Omit<McpCall, "caller">[],
  authInfo: EntraAuthInfo,
  claims: TokenClaims,
  { tools, demand, scopes }: GateSettings,
  refuse: Refusals,
): Promise<Refusal | undefined> {
  const caller = callerOf(authInfo);
  const lacking = (needed: ToolDemand): Refusal | undefined =>
    caller.kind === "user"
      ? lackingOfPerson(needed, authInfo, claims, scopes, refuse)
      : lackingOfApplication(needed, caller.roles, refuse);
  const first = lacking({});
  if (first !== undefined) return first;
  for (const call of calls) {
    const table = call.tool === undefined ? undefined : tools.get(call.tool);
    const own = await demand?.({ ...call, caller }, claims);
    for (const needed of [table, own && checkedDemand(own)]) {
      const refusal = needed && (lacking(needed) ?? claimsRefusal(needed, caller, refuse));
      if (refusal !== undefined) return refusal;
    }
  }
  return undefined;
}

function lackingOfPerson(
  { scopes = [], authContext }: ToolDemand,
  authInfo: EntraAuthInfo,
  claims: TokenClaims,
  always: readonly string[],
  refuse: Refusals,
): Refusal | undefined {
  const needed = [...new Set([...always, ...scopes])];
  // All that the call needs, not what is missing: the answer says nothing of what the token has.
  if (!needed.every((scope) => authInfo.scopes.includes(scope))) return refuse.insufficientScope(needed);
  if (authContext === undefined || contextsOf(claims).includes(authContext)) return undefined;
  return refuse.insufficientClaims(authContextRequest(authContext), authInfo.extra.user?.tid ?? "");
}

function lackingOfApplication(
  { scopes = [], roles }: ToolDemand,
  granted: readonly string[],
  refuse: Refusals,
): Refusal | undefined {
  if (roles === undefined) return scopes.length === 0 ? undefined : refuse.insufficientScope([]);
  return roles.some((role) => granted.includes(role)) ? undefined : refuse.insufficientScope([]);
}

function claimsRefusal({ claims }: ToolDemand, { tid }: Caller, refuse: Refusals): Refusal | undefined {
  return claims === undefined ? undefined : refuse.insufficientClaims(claims, tid);
}

/** The authentication contexts that a token has met: a list, or in some tokens one text. */
function contextsOf(claims: TokenClaims): readonly unknown[] {
  const one = stringClaim(claims, "acrs");
  if (one !== undefined) return [one];
  return Array.isArray(claims["acrs"]) ? claims["acrs"] : [];
}

/** The short name of a scope. Source: RFC 6749 section 3.3; short, because the app-ID URI is put before it. */
export const shortScope: OptionCheck<string> = check<string>(
  "text",
  "the short name of a scope",
  (scope: string) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope) && !scope.includes("://"),
);

/** What a call may be asked for: nothing that no token could meet and no challenge could say. */
export const demandOptions: OptionTable<ToolDemand> = {
  scopes: optional(list(shortScope)),
  roles: optional(list(text("a role"))),
  authContext: optional(
    check<string>("text", "an authentication context (c1 to c99)", (id: string) => isAuthContext(id)),
  ),
  claims: optional(
    check<string>("text", 'a claims request: JSON with an object "access_token"', isClaimsRequest),
  ),
};

/** Checks what a function of the server's own asks for. Throws `invalid_option`. */
export function checkedDemand(demand: ToolDemand): ToolDemand {
  return nested(demandOptions).read(demand, "protectMcpServer: demand");
}

function isClaimsRequest(text: string): boolean {
  try {
    const request: unknown = JSON.parse(text);
    return isRecord(request) && isRecord(request["access_token"]);
  } catch {
    return false;
  }
}

function isMessage(value: unknown): value is { readonly method?: unknown; readonly params?: unknown } {
  return isRecord(value) && value["jsonrpc"] === "2.0";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
