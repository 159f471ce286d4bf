import { authContextRequest, isAuthContext } from "../entra/auth-context.js";
import { stringClaim, type TokenClaims } from "../entra/token-claims.js";
import { check, list, optional, text } from "../options/checks.js";
import { nested, type OptionCheck, type OptionTable } from "../options/option-table.js";
import { prepareOption } from "../turn/turn-options.js";
import { callerOf, type Caller, type EntraAuthInfo } from "./auth-info.js";
import { unmetDownstream, type PersonCalling } from "./downstream.js";
import type { Refusal, Refusals } from "./refusal.js";
import type { GateSettings, McpCall, ToolRequirement } from "./settings.js";

/**
 * The calls of a parsed body, one or a batch; `undefined` for a body that is not JSON-RPC, and for a tool call whose
 * name is not a string: a server might still read a tool name out of it, whose requirements were not checked.
 */
export function callsOf(body: unknown): readonly Omit<McpCall, "caller">[] | undefined {
  const messages: unknown[] = Array.isArray(body) ? body : [body];
  // Express 4 gives {} for a body that its parser could not read. It must not pass as a request without calls.
  if (messages.length === 0 || !messages.every(isMessage)) return undefined;
  const calls = messages.flatMap(({ method, params }) =>
    typeof method === "string" ? [callOf(method, isRecord(params) ? params : {})] : [],
  );
  return calls.some(({ method, tool }) => method === "tools/call" && tool === undefined) ? undefined : calls;
}

function callOf(method: string, params: Record<string, unknown>): Omit<McpCall, "caller"> {
  const { name } = params;
  return { method, params, ...(method === "tools/call" && typeof name === "string" ? { tool: name } : {}) };
}

/** A request whose token is good. */
export interface VerifiedRequest {
  readonly calls: readonly Omit<McpCall, "caller">[];
  readonly authInfo: EntraAuthInfo;
  readonly claims: TokenClaims;
  /** Absent for an application, and for a request without calls. */
  readonly person: PersonCalling | undefined;
}

/** What the calls lack; `undefined` when they may go on. */
export async function unmetRequirement(
  { calls, authInfo, claims, person }: VerifiedRequest,
  { tools, demand, scopes }: GateSettings,
  refuse: Refusals,
): Promise<Refusal | undefined> {
  const caller = callerOf(authInfo);
  const lacking = (needed: ToolRequirement): Promise<Refusal | undefined> =>
    unmetDemand({ demand: needed, caller, authInfo, claims, person, always: scopes, refuse });
  const first = await lacking({});
  if (first !== undefined) return first;
  for (const call of calls) {
    const unmet = person?.unmet.of(person.context, call.tool);
    if (unmet !== undefined)
      return unmet === "" ? refuse.newSignIn() : refuse.insufficientClaims(unmet, caller.tid);
    const table = call.tool === undefined ? undefined : tools.get(call.tool);
    const own = await demand?.({ ...call, caller }, claims);
    for (const needed of [table, own && checkedRequirement(own)]) {
      const refusal = needed && (await lacking(needed));
      if (refusal !== undefined) return refusal;
    }
  }
  return undefined;
}

/** What a check looks at. */
interface DemandFacts {
  readonly demand: ToolRequirement;
  readonly caller: Caller;
  readonly authInfo: EntraAuthInfo;
  readonly claims: TokenClaims;
  readonly person: PersonCalling | undefined;
  /** The scopes of every call of a person. */
  readonly always: readonly string[];
  readonly refuse: Refusals;
}

/** A check for each field of a demand. A kind of caller that forgets a field does not compile. */
export type RequirementChecks<Demand extends object> = {
  readonly [Field in keyof Demand]-?: (
    facts: DemandFacts,
  ) => Refusal | undefined | Promise<Refusal | undefined>;
};

/** How each kind of caller meets each field. A field that a kind cannot meet refuses it. */
export const requirementChecks: Readonly<Record<Caller["kind"], RequirementChecks<ToolRequirement>>> = {
  user: {
    scopes({ demand: { scopes = [] }, authInfo, always, refuse }) {
      const needed = [...new Set([...always, ...scopes])];
      if (needed.every((scope) => authInfo.scopes.includes(scope))) return undefined;
      // All scopes that the call needs, so that the answer does not show which ones the token has.
      return refuse.insufficientScope(needed);
    },
    // Roles say which applications may call. What a person may do, their scopes say.
    roles: () => undefined,
    authContext({ demand: { authContext }, claims, caller, refuse }) {
      if (authContext === undefined || contextsOf(claims).includes(authContext)) return undefined;
      return refuse.insufficientClaims(authContextRequest(authContext), caller.tid);
    },
    claims: lackingClaims,
    // The last: nothing is exchanged for a call that is refused anyway.
    downstream({ demand: { downstream = [] }, person, refuse }) {
      if (downstream.length === 0) return undefined;
      return person === undefined
        ? refuse.insufficientScope([])
        : unmetDownstream(downstream, person, refuse);
    },
  },
  application: {
    scopes: (facts) => closedUnlessByRole(facts, (facts.demand.scopes ?? []).length > 0),
    roles({ demand: { roles }, caller, refuse }) {
      const granted = caller.kind === "application" ? caller.roles : [];
      return roles === undefined || roles.some((role) => granted.includes(role))
        ? undefined
        : refuse.insufficientScope([]);
    },
    authContext: (facts) => closedUnlessByRole(facts, facts.demand.authContext !== undefined),
    claims: lackingClaims,
    downstream: (facts) => closedUnlessByRole(facts, (facts.demand.downstream ?? []).length > 0),
  },
};

async function unmetDemand(facts: DemandFacts): Promise<Refusal | undefined> {
  for (const lacking of Object.values(requirementChecks[facts.caller.kind])) {
    const refusal = await lacking(facts);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** An application cannot meet this. The roles of the call, where it has some, are checked as a field of their own. */
function closedUnlessByRole({ demand, refuse }: DemandFacts, isAsked: boolean): Refusal | undefined {
  return isAsked && demand.roles === undefined ? refuse.insufficientScope([]) : undefined;
}

function lackingClaims({ demand: { claims }, caller, refuse }: DemandFacts): Refusal | undefined {
  return claims === undefined ? undefined : refuse.insufficientClaims(claims, caller.tid);
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

/** The options of a requirement: only values that a token can meet and a challenge can name. */
export const requirementOptions: OptionTable<ToolRequirement> = {
  scopes: optional(list(shortScope)),
  roles: optional(list(text("a role"))),
  authContext: optional(
    check<string>("text", "an authentication context (c1 to c99)", (id: string) => isAuthContext(id)),
  ),
  claims: optional(
    check<string>("text", 'a claims request: JSON with an object "access_token"', isClaimsRequest),
  ),
  downstream: prepareOption,
};

/** Checks what a function of the server's own asks for. Throws `invalid_option`. */
export function checkedRequirement(demand: ToolRequirement): ToolRequirement {
  return nested(requirementOptions).read(demand, "protectMcpServer: demand");
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
