import { wasForgotten } from "../context/forgotten.js";
import { isSignInDemand, recordSignInDemand } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import { resourceOfScope } from "../entra/scopes.js";
import { HostedAgentIdentityError } from "../errors.js";
import { insufficientScopeCauses, resourceUnauthorizedCauses } from "../errors/causes/resource.js";
import type { ErrorCause } from "../errors/facts.js";
import type { Acquirer } from "../tokens/acquire.js";
import type { AcquireOptions } from "../tokens/acquirer-state.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import type { AccessToken } from "../sources/token-source.js";
import { canSendAgain } from "./body.js";
import { bearerChallenge, type BearerChallenge } from "./challenges.js";
import { asksForAuthenticationContext } from "./claims-challenge.js";
import type { ChallengeBudget } from "./challenge-budget.js";
import type { OutgoingInit } from "./outgoing-request.js";

/** What a second try needs of the access. */
export interface AnswerChallengeOptions {
  readonly resource: ProtectedResource;
  readonly acquirer: Pick<Acquirer, "acquire" | "forget">;
  readonly refusals: ChallengeBudget;
}

/** A request that was refused. */
export interface RefusedRequest {
  readonly context: UserContext;
  /** Whose refusals count together. */
  readonly owner: string;
  readonly init: OutgoingInit;
  /** The token it was sent with. */
  readonly first: AccessToken;
  /** 401 or 403. */
  readonly response: Response;
  /** What the token in hand was got for: an answer to it that asks for the other kind is met once more. */
  readonly met?: Pick<AcquireOptions, "claims" | "scopes">;
  send(token: AccessToken): Promise<Response>;
}

/**
 * A 401 costs exactly this token, and one resend with a new one; a 403 with `insufficient_scope` one resend
 * with the union of scopes; one of each, where the second answer asks for the other. Only if the body can be sent again. A token that was got for this very reason is
 * not exchanged once more: for some seconds its refusal stands. Source: MCP 2026-07-28, authorization.
 *
 * Throws `resource_unauthorized`, `insufficient_scope`, `step_up_required`, and what the sources throw.
 */
export async function answerChallenge(
  options: AnswerChallengeOptions,
  refused: RefusedRequest,
): Promise<Response> {
  const { acquirer, refusals, resource } = options;
  const { context, owner, init, first, response } = refused;
  const challenge = challengeOf(response);
  const wantsScope = response.status === 403 && challenge.error === "insufficient_scope";
  const { claims } = challenge;
  if (response.status === 403 && !wantsScope && claims === undefined) return response;
  const refusal = (answer: Response): HostedAgentIdentityError => {
    const error = wantsScope
      ? insufficientScope(resource, challenge.scopes, answer !== response)
      : refusedTwice(resource, answer);
    // Frameworks swallow errors, so whoever runs the turn is told as well.
    if (isSignInDemand(error)) recordSignInDemand(context, error);
    return error;
  };
  const giveUp = async (): Promise<Response> => {
    if (response.status === 403 && !wantsScope) return response;
    await response.body?.cancel();
    throw refusal(response);
  };
  const demand = demandOf(response, challenge);
  if (refusals.has(owner, first.token, demand)) return giveUp();
  const scopes = wantsScope
    ? grownScopes(resource, challenge.scopes, refusals.grownScopes(owner))
    : undefined;
  if (!refusals.mayAsk(owner, first.token, JSON.stringify([demand, claims]))) return giveUp();

  const forget = (): void => acquirer.forget(context, first.token);
  const resend = canSendAgain(init.body);
  // A demand may be about this one tool, and one that the person has to meet: until then the token serves others.
  const dropsFirst = response.status === 401 && (claims === undefined || !resend);
  if (dropsFirst) forget();
  if (!resend) return response;
  await response.body?.cancel();
  if (scopes !== undefined) refusals.grew(owner, []);
  const asked = {
    signal: init.signal ?? undefined,
    claims: claims ?? refused.met?.claims,
    scopes: scopes ?? refused.met?.scopes,
    refused: first.token,
  };
  const next = await acquirer.acquire(context, asked);
  if (next.token === first.token) throw refusal(response);
  // Revoked, or too weak for anything here; what lacks a context is still good where none is asked for.
  if (response.status === 401 && !dropsFirst && !asksForAuthenticationContext(claims)) forget();
  // Forgotten while it was asked for: that the person had these scopes is not remembered either.
  if (scopes !== undefined && !wasForgotten(context)) refusals.grew(owner, scopes);
  const second = await refused.send(next);
  // A tool may need scopes and a step-up: a resource says one, and then the other. Each is met once.
  if (refused.met === undefined && asksForTheOther(second, wantsScope, claims))
    return answerChallenge(options, { ...refused, first: next, response: second, met: asked });
  if (second.status === response.status) refusals.note(owner, next.token, demand);
  if (second.status === 401 || (second.status === 403 && wantsScope)) {
    await second.body?.cancel();
    throw refusal(second);
  }
  return second;
}

function asksForTheOther(second: Response, gotScope: boolean, gotClaims: string | undefined): boolean {
  const { error, claims } = challengeOf(second);
  if (gotScope) return second.status === 401 && claims !== undefined;
  return gotClaims !== undefined && second.status === 403 && error === "insufficient_scope";
}

function challengeOf(response: Response): BearerChallenge {
  return bearerChallenge(response.headers.get("www-authenticate")) ?? { scopes: [] };
}

/** What a refusal asks for. A 401 asks for another token, whatever else it says. */
function demandOf({ status }: Response, { scopes, claims }: BearerChallenge): string {
  return status === 401 ? "401" : JSON.stringify([scopes, claims]);
}

/** In characters. No scope of Entra's comes near; what is longer is there to fill memory. */
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

/** What a server names may leave out the resource. */
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
  // What the server names is a wish, not a destination: scopes of another resource are never asked for.
  const foreign = full.some(
    (scope) => scope.length > maxScope || resourceOfScope(scope) !== prefix || /[\s"\\]/.test(scope),
  );
  if (foreign) return insufficientScopeCauses.otherResource;
  if (full.length === 0) return insufficientScopeCauses.unnamed;
  const isNew = full.some((scope) => !resource.scopes.includes(scope));
  return isNew ? undefined : insufficientScopeCauses.configured;
}

/** `again`: a token that was got with these scopes was refused, too. */
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
  // No exchange makes an old sign-in a new or a stronger one; whoever can ask the person has to. RFC 9470.
  if (authentication !== undefined) {
    const message = `${label} wants the person to have signed in otherwise, or more recently.`;
    return new HostedAgentIdentityError("step_up_required", message, { authentication });
  }
  const said = error === undefined ? "" : ` It says ${JSON.stringify(error.slice(0, 100))}.`;
  return new HostedAgentIdentityError(
    "resource_unauthorized",
    `${label} refused the user's token.${said}`,
    resourceUnauthorizedCauses.own,
  );
}
