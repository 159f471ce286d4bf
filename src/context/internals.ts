import { check } from "../options/checks.js";
import { HostedAgentIdentityError, isHostedAgentIdentityError, type ConsentRequest } from "../errors.js";
import { type OptionCheck } from "../options/option-table.js";
import { userNotIdentifiedCauses } from "../errors/causes/sign-in.js";
import type { TokenClaims } from "../entra/token-claims.js";
import { contextSlot } from "./slot.js";
import type { UserContext } from "./user-context.js";

/**
 * What a user token is good for. `app`: its audience is our own app, so it may be exchanged, and whoever sent it is
 * the person. `resource`: it serves passthrough to the resource of that audience, and whoever sent it may be that
 * resource itself. `audience` is the first audience that the resource is configured with, however the token spells it.
 */
export type TokenUse = { readonly use: "app" } | { readonly use: "resource"; readonly audience: string };

/** The verified user token of a request. It goes to Entra, or to the one resource of its audience. */
export type Assertion = TokenUse & {
  /** The token itself. Never logged, stored, or sent anywhere else. */
  readonly token: string;
  /** base64url SHA-256 of the token, made once: what caches are keyed by. */
  readonly hash: string;
  readonly claims: TokenClaims;
};

/** An MCP server that fails in this turn, as far as its requests have shown. */
export interface ServerTrouble {
  readonly serverLabel: string;
  /** `unreachable`: no answer came, or it broke off. `status`: it answered with a status of 500 or more. */
  readonly kind: "unreachable" | "status";
  readonly status?: number;
}

/** One `tools/call` that was sent in this turn. */
export interface ToolCall {
  readonly serverLabel: string;
  /** The tool's name, at most 200 characters of it. */
  readonly name: string;
  /**
   * `answered`: an answer has come, which may be an error of the tool itself. `failed`: none came, or the server
   * refused the request. `under_way`: not known; also when the caller stopped waiting, since the server may go on.
   */
  readonly state: "under_way" | "answered" | "failed";
}

/** An access that a turn has used, as far as it can forget the person. */
export interface AccessUse {
  /** Whether it has not forgotten the person since the turn first used it. */
  stillKnown(): boolean;
  /** Begins anew: what it returns tells whether it has not forgotten the person since now. */
  begin(principalKey: string): () => boolean;
}

/**
 * What belongs to a context and must not be seen through it: kept beside it in a WeakMap, so that neither
 * `toJSON`, `inspect`, spread nor `structuredClone` of the context can show it.
 */
export interface ContextInternals {
  readonly assertion: Assertion | undefined;
  /** The principal as canonical JSON. Made once: it is asked for several times on the way of every token. */
  readonly principalKey: string | undefined;
  /** Why a platform user id names nobody although it was declared to. */
  readonly unidentified: string | undefined;
  /** What the user was asked for in this turn, without duplicates. */
  readonly consentRequests: ConsentRequest[];
  /** The first refusal of the turn that a new sign-in at the caller ends. */
  signInDemand: HostedAgentIdentityError | undefined;
  /** Called for each new consent request of the turn, and for its sign-in demand. */
  readonly consentListeners: Set<() => void>;
  /** Called once when the context ends. */
  readonly endListeners: Set<() => void>;
  /** Acquisitions that have begun in this turn and not yet settled. */
  readonly acquisitions: Set<Promise<unknown>>;
  /** Results that hold for this turn only (consent, sign-in and step-up refusals), by cache key. */
  readonly refusals: Map<string, HostedAgentIdentityError>;
  /** Cache keys of this context, by the access object that made them. */
  readonly cacheKeys: WeakMap<object, unknown>;
  /** One for each access that this turn has used. */
  readonly uses: AccessUse[];
  /** How many turns run on this context now: the outermost one, and those nested in it. */
  turns: number;
  /** The MCP servers whose last request has failed, by server label, the newest last. */
  readonly serverTroubles: Map<string, ServerTrouble>;
  /** The last 200 tool calls that were sent. */
  readonly toolCalls: ToolCall[];
  /** One promise for each request with tool calls whose answer has not been received. None of them rejects. */
  readonly inFlight: Set<Promise<void>>;
  /** A response body that runs as this user by itself, and ends the context with its turn. */
  ownBody: object | undefined;
  ended: boolean;
}

/** The internals of a context made by this package. Throws `invalid_option` for anything else. */
export function internalsOf(context: UserContext): ContextInternals {
  const internals = contextSlot().internals.get(context);
  if (internals === undefined) {
    throw new HostedAgentIdentityError(
      "invalid_option",
      "This is not a user context of this package (a copy or a spread of one holds no identity).",
    );
  }
  return internals;
}

/** The internals of a context whose turn still runs. Throws `context_ended` otherwise. */
export function liveInternalsOf(context: UserContext): ContextInternals {
  const internals = internalsOf(context);
  if (internals.ended) throw new HostedAgentIdentityError("context_ended");
  return internals;
}

/**
 * Counts a turn on a context. What it returns ends the count, once, and tells whether this turn was the
 * outermost: the one that began while no other ran. Only that one may end the context, or an agent that is used
 * as a tool would end the turn of the agent that called it.
 */
export function beginTurnOn(context: UserContext): () => boolean {
  const internals = internalsOf(context);
  const outermost = internals.turns === 0;
  let running = true;
  internals.turns += 1;
  return () => {
    if (running) internals.turns -= 1;
    running = false;
    return outermost;
  };
}

/**
 * Whether the context has ended and the run of its turn has not. An adapter ends the context when the connection
 * closes, before the turn hears of it: then a turn is still counted.
 */
export function windsDown({ ended, turns }: ContextInternals): boolean {
  return ended && turns > 0;
}

/** The tool calls that were sent in this turn, as they stand now. At most the last 200. */
export function toolCallsOf(context: UserContext): readonly ToolCall[] {
  return internalsOf(context).toolCalls.map((call) => ({ ...call }));
}

/** Resolves, each of them, when the answer to a request with tool calls has been received, or will not be. */
export function callsInFlight(context: UserContext): Promise<void>[] {
  return [...internalsOf(context).inFlight];
}

/** Records what the user must do, once for each link and server, and tells whoever runs the turn. */
export function recordConsent(context: UserContext, requests: readonly ConsentRequest[]): void {
  const { consentRequests, consentListeners } = internalsOf(context);
  const known = new Set(consentRequests.map(requestKey));
  const fresh = requests.filter((request) => !known.has(requestKey(request)));
  if (fresh.length === 0) return;
  consentRequests.push(...fresh);
  for (const listener of consentListeners) listener();
}

/** Whether an error is one that a new sign-in at the caller ends. */
export function isSignInDemand(error: unknown): error is HostedAgentIdentityError {
  return isHostedAgentIdentityError(error) && (error.category === "signin" || error.category === "stepup");
}

/** Records that the caller has to sign its user in again, and tells whoever runs the turn. The first one counts. */
export function recordSignInDemand(context: UserContext, error: HostedAgentIdentityError): void {
  const internals = internalsOf(context);
  if (internals.signInDemand !== undefined) return;
  internals.signInDemand = error;
  for (const listener of internals.consentListeners) listener();
}

/** The error of somebody who cannot be named, with what is missing for it. */
export function userNotIdentified(context: UserContext): HostedAgentIdentityError {
  const { unidentified, assertion } = internalsOf(context);
  if (assertion?.use === "resource")
    return new HostedAgentIdentityError(
      "user_not_identified",
      "The user token is for a resource: it serves passthrough to that resource, and proves nobody to this agent.",
      userNotIdentifiedCauses.resource,
    );
  if (assertion !== undefined) return new HostedAgentIdentityError("user_not_identified");
  const why =
    unidentified ??
    (context.platform.userId === undefined
      ? "The request brought neither a user token nor a platform user id that is believed."
      : "The request brought no user token, and its platform user id may stand for more than one person.");
  return new HostedAgentIdentityError("user_not_identified", why);
}

/** What makes two consent requests the same one. Link and server label, as the platform's hosts do it. */
export function requestKey(request: ConsentRequest): string {
  return JSON.stringify([request.link, request.serverLabel]);
}

/** A context made by this package, in this copy of it or another one. */
export const contextOption: OptionCheck<UserContext> = check<UserContext>(
  "object",
  "a user context (a copy or a spread of one holds no identity)",
  (context: UserContext) => contextSlot().internals.has(context),
);
