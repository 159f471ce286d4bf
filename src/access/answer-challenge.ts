import { isSignInDemand, recordSignInDemand, wasForgotten } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import { resourceOfScope } from "../entra/scopes.js";
import { HostedAgentIdentityError } from "../errors.js";
import { insufficientScopeCauses, resourceUnauthorizedCauses } from "../errors/causes/resource.js";
import type { ErrorCause } from "../errors/facts.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import type { AccessToken } from "../sources/token-source.js";
import type { Acquirer, AcquireOptions } from "../tokens/acquire.js";
import type { ChallengeBudget } from "./challenge-budget.js";
import { bearerChallenge, challengeHeader, type BearerChallenge } from "./challenges.js";
import { asksForAuthenticationContext } from "./claims-challenge.js";
import { canSendAgain, type OutgoingInit } from "./outgoing-request.js";

/** What answering a challenge needs of the access. */
export interface AnswerChallengeOptions {
  readonly resource: ProtectedResource;
  readonly acquirer: Pick<Acquirer, "acquire" | "forget">;
  readonly refusals: ChallengeBudget;
}

/** A request that was refused. */
export interface RefusedRequest {
  readonly context: UserContext;
  /** The key under which refusals are counted. */
  readonly owner: string;
  readonly init: OutgoingInit;
  /** The token it was sent with. */
  readonly token: AccessToken;
  /** 401 or 403. */
  readonly response: Response;
  send(token: AccessToken): Promise<Response>;
}

/**
 * Resends a refused request once: after a 401 with a new token in place of this one, after a 403 with
 * `insufficient_scope` with the union of scopes. A second answer that asks for the other is met once, too. Only if the
 * body can be sent again. A token that met a demand and is refused with the same demand is not replaced for some
 * seconds.
 * Source: MCP 2026-07-28, authorization.
 *
 * Throws `resource_unauthorized`, `insufficient_scope`, `step_up_required`, and what the sources throw.
 */
export async function answerChallenge(
  options: AnswerChallengeOptions,
  refused: RefusedRequest,
): Promise<Response> {
  const demand = demandOf(refused.response);
  const resent = await resend(options, refused, demand, {});
  if (resent === undefined) return refused.response;
  // A tool may need scopes and a step-up, and the resource asks for them one after the other. Each is met once.
  if (!asksForTheOther(resent.response, demand)) return conclude(options, refused, demand, resent);
  const again = { ...refused, ...resent };
  const other = demandOf(resent.response);
  const resentAgain = await resend(options, again, other, resent.asked);
  return resentAgain === undefined ? again.response : conclude(options, again, other, resentAgain);
}

/** What the answer to a refused request asks for. */
interface Demand extends BearerChallenge {
  readonly status: number;
  /** A 403 for more scopes. A 401 asks for another token, whatever else it says. */
  readonly wantsScope: boolean;
  /** Equal for equal demands. */
  readonly key: string;
}

type Asked = Pick<AcquireOptions, "claims" | "scopes">;

/** A request that was sent once more. */
interface Resent {
  readonly token: AccessToken;
  readonly response: Response;
  /** The claims and scopes that the token was acquired with. */
  readonly asked: Asked;
}

/**
 * Acquires a token that meets this demand and the one before, and sends the request with it. `undefined` where the
 * caller gets the refusal as it is.
 */
async function resend(
  options: AnswerChallengeOptions,
  refused: RefusedRequest,
  demand: Demand,
  met: Asked,
): Promise<Resent | undefined> {
  const { acquirer, refusals, resource } = options;
  const { context, owner, init, token, response } = refused;
  const { status, claims, wantsScope } = demand;
  if (status === 403 && !wantsScope && claims === undefined) return undefined;
  if (refusals.has(owner, token.token, demand.key)) return giveUp(options, refused, demand);
  const scopes = wantsScope ? grownScopes(resource, demand.scopes, refusals.grownScopes(owner)) : undefined;
  if (!refusals.mayAsk(owner, token.token, JSON.stringify([demand.key, claims])))
    return giveUp(options, refused, demand);

  const isSendable = canSendAgain(init.body);
  // A demand may concern only this tool and need the user. Until it is met the token serves other tools.
  const dropsFirst = status === 401 && (claims === undefined || !isSendable);
  if (dropsFirst) acquirer.forget(context, token.token);
  if (!isSendable) return undefined;
  await response.body?.cancel();
  if (scopes !== undefined) refusals.grew(owner, []);
  const asked = { claims: claims ?? met.claims, scopes: scopes ?? met.scopes };
  const signal = init.signal ?? undefined;
  const next = await acquirer.acquire(context, { ...asked, signal, refused: token.token });
  if (next.token === token.token) throw refusal(options, context, demand, { response, again: false });
  // Revoked, or too weak for anything here. A token that only lacks an authentication context still serves others.
  if (status === 401 && !dropsFirst && !asksForAuthenticationContext(claims))
    acquirer.forget(context, token.token);
  // If the user was forgotten while the token was fetched, their scopes are not remembered either.
  if (scopes !== undefined && !wasForgotten(context)) refusals.grew(owner, scopes);
  return { token: next, response: await refused.send(next), asked };
}

/** Leaves a plain 403 to the caller, and throws what any other refusal means. */
async function giveUp(
  options: AnswerChallengeOptions,
  { context, response }: RefusedRequest,
  demand: Demand,
): Promise<undefined> {
  if (demand.status === 403 && !demand.wantsScope) return undefined;
  await response.body?.cancel();
  throw refusal(options, context, demand, { response, again: false });
}

/** The answer to the request that was sent again, or the error that it means. */
async function conclude(
  options: AnswerChallengeOptions,
  { context, owner }: RefusedRequest,
  demand: Demand,
  { response, token }: Resent,
): Promise<Response> {
  if (response.status === demand.status) options.refusals.note(owner, token.token, demand.key);
  if (response.status === 401 || (response.status === 403 && demand.wantsScope)) {
    await response.body?.cancel();
    throw refusal(options, context, demand, { response, again: true });
  }
  return response;
}

/** `again`: a token that was fetched to meet the demand was refused, too. */
function refusal(
  { resource }: AnswerChallengeOptions,
  context: UserContext,
  { wantsScope, scopes }: Demand,
  { response, again }: { readonly response: Response; readonly again: boolean },
): HostedAgentIdentityError {
  const error = wantsScope ? insufficientScope(resource, scopes, again) : refusedTwice(resource, response);
  // Frameworks swallow errors, so the turn records it as well.
  if (isSignInDemand(error)) recordSignInDemand(context, error);
  return error;
}

function asksForTheOther(second: Response, first: Demand): boolean {
  const { status, wantsScope, claims } = demandOf(second);
  if (first.wantsScope) return status === 401 && claims !== undefined;
  return first.claims !== undefined && wantsScope;
}

function demandOf(response: Response): Demand {
  const { status } = response;
  const challenge = challengeOf(response);
  return {
    ...challenge,
    status,
    wantsScope: status === 403 && challenge.error === "insufficient_scope",
    key: status === 401 ? "401" : JSON.stringify([challenge.scopes, challenge.claims]),
  };
}

function challengeOf(response: Response): BearerChallenge {
  return bearerChallenge(challengeHeader(response.headers)) ?? { scopes: [] };
}

/** In characters. Entra's scopes are far shorter; the limit bounds memory. */
const maxScope = 512;

/** The resource's scopes, those the server names, and those it named before. */
function grownScopes(
  resource: ProtectedResource,
  named: readonly string[],
  before: readonly string[],
): readonly string[] {
  if (whyNotGrown(resource, named) !== undefined) throw insufficientScope(resource, named);
  return [...new Set([...resource.scopes, ...before, ...inFull(resource, named)])].sort();
}

/** Scopes with their resource, which a server may leave out. */
function inFull(resource: ProtectedResource, named: readonly string[]): readonly string[] {
  const prefix = prefixOf(resource);
  return named
    .slice(0, 32)
    .map((scope) => (resourceOfScope(scope) === undefined ? `${prefix}/${scope}` : scope));
}

function prefixOf({ scopes: [first = ""] }: ProtectedResource): string {
  return resourceOfScope(first) ?? "";
}

/** Why no token with more scopes is asked for; `undefined` where one is. */
function whyNotGrown(resource: ProtectedResource, named: readonly string[]): ErrorCause | undefined {
  const full = inFull(resource, named);
  const prefix = prefixOf(resource);
  // Scopes of another resource are never requested, whatever the server asks for.
  const foreign = full.some(
    (scope) => scope.length > maxScope || resourceOfScope(scope) !== prefix || /[\s"\\]/.test(scope),
  );
  if (foreign) return insufficientScopeCauses.otherResource;
  if (full.length === 0) return insufficientScopeCauses.unnamed;
  const isNew = full.some((scope) => !resource.scopes.includes(scope));
  return isNew ? undefined : insufficientScopeCauses.configured;
}

/** `again`: a token with these scopes was refused, too. */
function insufficientScope(
  resource: ProtectedResource,
  named: readonly string[],
  again = false,
): HostedAgentIdentityError {
  const wanted = named.slice(0, 8).map((scope) => JSON.stringify(scope.slice(0, 200)));
  return new HostedAgentIdentityError(
    "insufficient_scope",
    `${JSON.stringify(resource.serverLabel)} asks for more scopes: ${wanted.join(", ") || "it does not say which"}.`,
    again ? insufficientScopeCauses.configured : whyNotGrown(resource, named),
  );
}

function refusedTwice(resource: ProtectedResource, response: Response): HostedAgentIdentityError {
  const { error, authentication } = challengeOf(response);
  const label = JSON.stringify(resource.serverLabel);
  // An exchange cannot make a sign-in newer or stronger: the caller has to ask the user. RFC 9470.
  if (authentication !== undefined) {
    const message = `${label} wants the person to have signed in otherwise, or more recently.`;
    return new HostedAgentIdentityError("step_up_required", message, { authentication });
  }
  const said = error === undefined ? "" : ` It says ${JSON.stringify(error.slice(0, 100))}.`;
  return new HostedAgentIdentityError(
    "resource_unauthorized",
    `${label} refused the user's token.${said}`,
    challengeHeader(response.headers) === null
      ? resourceUnauthorizedCauses.unsaid
      : resourceUnauthorizedCauses.own,
  );
}
