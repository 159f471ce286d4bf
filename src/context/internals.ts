import { HostedAgentIdentityError, isHostedAgentIdentityError, type ConsentRequest } from "../errors.js";
import { userNotIdentifiedCauses } from "../errors/causes/sign-in.js";
import { check } from "../options/checks.js";
import type { OptionCheck } from "../options/option-table.js";
import type { ContextInternals, ToolCall } from "./state.js";
import { contextSlot, internalsOf, type UserContext } from "./user-context.js";

/** The internals of a context whose turn still runs. Throws `context_ended` otherwise. */
export function liveInternalsOf(context: UserContext): ContextInternals {
  const internals = internalsOf(context);
  if (internals.ended) throw new HostedAgentIdentityError("context_ended");
  return internals;
}

/**
 * Counts a turn on a context. The returned function ends the turn, once, and says whether it was the outermost one,
 * which began while no other ran. Only that one may end the context: else an agent that is used as a tool would end
 * the turn of the agent that called it.
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
 * Whether the context has ended while the run of its turn still goes on. An adapter ends the context when the
 * connection closes, before the turn notices.
 */
export function windsDown({ ended, turns }: ContextInternals): boolean {
  return ended && turns > 0;
}

/** The tool calls that were sent in this turn, as they stand now. At most the last 200. */
export function toolCallsOf(context: UserContext): readonly ToolCall[] {
  return internalsOf(context).toolCalls.map((call) => ({ ...call }));
}

/** One promise per request with tool calls. It resolves when the answer has been received or has failed. */
export function callsInFlight(context: UserContext): Promise<void>[] {
  return [...internalsOf(context).inFlight];
}

/** Records what the user must do, once for each link and server, and notifies the turn. */
export function recordConsent(context: UserContext, requests: readonly ConsentRequest[]): void {
  const { consentRequests, consentListeners } = internalsOf(context);
  const known = new Set(consentRequests.map(requestKey));
  const fresh = requests.filter((request) => !known.has(requestKey(request)));
  if (fresh.length === 0) return;
  consentRequests.push(...fresh);
  for (const listener of consentListeners) listener();
}

/** Whether a new sign-in at the caller resolves an error. */
export function isSignInDemand(error: unknown): error is HostedAgentIdentityError {
  return isHostedAgentIdentityError(error) && (error.category === "signin" || error.category === "stepup");
}

/** Records that the caller has to sign its user in again, and notifies the turn. The first error counts. */
export function recordSignInDemand(context: UserContext, error: HostedAgentIdentityError): void {
  const internals = internalsOf(context);
  if (internals.signInDemand !== undefined) return;
  internals.signInDemand = error;
  for (const listener of internals.consentListeners) listener();
}

/** The error for a context without a principal. It says what is missing. */
export function userNotIdentified(context: UserContext): HostedAgentIdentityError {
  const { assertion, unidentified } = internalsOf(context);
  if (assertion?.use === "resource")
    return new HostedAgentIdentityError(
      "user_not_identified",
      "The user token is for a resource: it serves passthrough to that resource, and proves nobody to this agent.",
      userNotIdentifiedCauses.resource,
    );
  return new HostedAgentIdentityError("user_not_identified", unidentified);
}

/** What makes two consent requests the same one. Link and server label, as the platform's hosts do it. */
export function requestKey(request: ConsentRequest): string {
  return JSON.stringify([request.link, request.serverLabel]);
}

/** A context made by this package, in this copy of it or another one. */
export const contextOption: OptionCheck<UserContext> = check<UserContext>(
  "object",
  "a user context (a copy or a spread of one holds no identity)",
  (context: UserContext) => contextSlot.internals.has(context),
);

/** Which principals were forgotten when, so that work that began before is not kept. */
export interface Forgotten {
  /** Call when work for a principal begins. The returned function says whether the principal was not forgotten since. */
  begin(principalKey: string): () => boolean;
  add(principalKey: string): void;
}

const maxPrincipals = 10_000;

/**
 * Remembers at most `max` principals. When the oldest makes room, work of every principal that began before it counts
 * as forgotten, so that the bound never revives a forgotten one.
 */
export function forgottenPrincipals(max: number = maxPrincipals): Forgotten {
  const last = new Map<string, number>();
  let count = 0;
  let floor = 0;
  return {
    begin(principalKey) {
      const began = count;
      return () => Math.max(floor, last.get(principalKey) ?? 0) <= began;
    },
    add(principalKey) {
      count += 1;
      last.delete(principalKey);
      last.set(principalKey, count);
      if (last.size <= max) return;
      const [oldest] = last;
      if (oldest === undefined) return;
      floor = oldest[1];
      last.delete(oldest[0]);
    },
  };
}

/** Whether an access has forgotten the user of a turn since the turn first used it. */
export function wasForgotten(context: UserContext): boolean {
  return internalsOf(context).uses.some(({ stillKnown }) => !stillKnown());
}

/**
 * For what a turn creates and keeps for its user: the returned function says whether no access that the turn uses, now
 * or later, has forgotten the user since.
 */
export function knownFromNowOn(context: UserContext, principalKey: string): () => boolean {
  const { uses } = internalsOf(context);
  const usedBefore = uses.map(({ begin }) => begin(principalKey));
  return () =>
    usedBefore.every((still) => still()) &&
    uses.slice(usedBefore.length).every(({ stillKnown }) => stillKnown());
}
