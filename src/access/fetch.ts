import { tryGetUserContext } from "../context/ambient.js";
import type { FetchLike } from "../runtime/fetch-like.js";
import { closingPrincipal } from "../context/closing.js";
import { internalsOf, windsDown } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";
import { redirectRefusedCauses } from "../errors/causes/resource.js";
import type { ErrorCause } from "../errors/facts.js";
import type { Acquirer } from "../tokens/acquire.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import type { AccessToken } from "../sources/token-source.js";
import type { ChallengeBudget } from "./challenge-budget.js";
import { canSendAgain, type OutgoingInit, type OutgoingRequest } from "./outgoing-request.js";
import { answerChallenge } from "./answer-challenge.js";
import { noteAnswer, noteFailure } from "./server-troubles.js";
import { ownerOf, sessionIdsOf, type SessionOwners } from "./sessions.js";
import { refuseStandaloneStream } from "./standalone-stream.js";
import { beginToolCalls } from "./tool-calls.js";
import { urlNotAllowed, type UrlMatch } from "./url-match.js";

/** What the identity-aware fetch is made from. */
export interface UserFetchOptions {
  readonly resource: ProtectedResource;
  readonly acquirer: Pick<Acquirer, "cachedToken" | "acquire" | "forget" | "cachedTokenOf" | "heldFor">;
  readonly matches: UrlMatch;
  readonly sessions: SessionOwners | undefined;
  readonly refusals: ChallengeBudget;
  readonly refuseStandaloneStream: boolean;
  /** The network below. */
  readonly fetch: FetchLike;
  /** A context to use instead of the current one. */
  readonly context: UserContext | undefined;
}

const maxRedirects = 5;

/** Sends a request as the user of the current context, to the resource and nowhere else. */
export type SendAsUser = (request: OutgoingRequest) => Promise<Response>;

/** Creates the function that sends requests as the current user. */
export function sendAsUser(options: UserFetchOptions): SendAsUser {
  return ({ href, init }) => {
    const url = options.matches(href);
    if (url === undefined) return Promise.reject(urlNotAllowed(href, options.resource.url));
    const context = options.context ?? tryGetUserContext();
    if (context === undefined) return endSession(options, undefined, url, init);
    if (options.refuseStandaloneStream) {
      const refused = refuseStandaloneStream(init);
      if (refused !== undefined) return Promise.resolve(refused);
    }
    return send(options, context, url, init);
  };
}

async function send(
  options: UserFetchOptions,
  context: UserContext,
  url: string,
  init: OutgoingInit,
): Promise<Response> {
  const internals = internalsOf(context);
  if (windsDown(internals)) return endSession(options, context, url, init);
  checkSession(options.sessions, context, init);
  const first =
    options.acquirer.cachedToken(context) ??
    (await options.acquirer.acquire(context, { signal: init.signal ?? undefined }));
  const { serverLabel } = options.resource;
  const calls = beginToolCalls(internals, serverLabel, init);
  try {
    // Not through deliver(): one more promise costs more than the cached token.
    const request = withToken(init, first);
    const sent = await options.fetch(url, request);
    const response = isRedirect(sent, init) ? await follow(options, url, request, sent) : sent;
    const answer =
      response.status === 401 || response.status === 403
        ? await answerChallenge(options, {
            context,
            owner: ownerOf(context),
            init,
            token: first,
            response,
            send: (token) => deliver(options, url, init, token),
          })
        : response;
    noteSession(options.sessions, context, init, answer);
    noteAnswer(internals, serverLabel, init, answer);
    calls?.answered(answer);
    return answer;
  } catch (error) {
    noteFailure(internals, serverLabel, init, error);
    calls?.failed(error);
    throw error;
  }
}

/** Sends a request with the token, and follows redirects. */
async function deliver(
  options: UserFetchOptions,
  url: string,
  init: OutgoingInit,
  token: AccessToken,
): Promise<Response> {
  const request = withToken(init, token);
  const response = await options.fetch(url, request);
  return isRedirect(response, init) ? follow(options, url, request, response) : response;
}

/** A plain object, because `Headers` would validate the whole token again, the largest cost of a request. */
function withToken(init: OutgoingInit, token: AccessToken): RequestInit {
  const headers = { ...init.headers, authorization: `Bearer ${token.token}` };
  return { ...init, headers, redirect: init.redirect === "error" ? "error" : "manual" };
}

/** With `redirect: "manual"` the caller follows, and comes back here with the new URL. */
function isRedirect(response: Response, init: Pick<RequestInit, "redirect">): boolean {
  if (response.status < 300 || response.status > 399) return false;
  return init.redirect !== "manual" && init.redirect !== "error" && response.headers.has("location");
}

/** Follows redirects itself: only 307 and 308, and only within the resource. */
async function follow(
  options: UserFetchOptions,
  url: string,
  request: RequestInit,
  redirected: Response,
): Promise<Response> {
  let [from, response] = [url, redirected];
  for (let hops = 0; ; hops += 1) {
    const location = response.headers.get("location") ?? "";
    await response.body?.cancel();
    const target = URL.canParse(location, from) ? options.matches(new URL(location, from).href) : undefined;
    const keepsMethod = response.status === 307 || response.status === 308;
    const refusal = (message: string, cause?: ErrorCause): HostedAgentIdentityError =>
      redirectRefused(options.resource, message, cause);
    if (hops >= maxRedirects)
      throw refusal(`redirected more than ${maxRedirects} times`, redirectRefusedCauses.loop);
    if (target === undefined) throw refusal("redirected to where its token must not go");
    if (!keepsMethod) throw refusal(`redirected with ${response.status}`, redirectRefusedCauses.method);
    if (!canSendAgain(request.body))
      throw refusal("redirected a request whose body is gone", redirectRefusedCauses.body);
    response = await options.fetch(target, request);
    if (!isRedirect(response, {})) return response;
    from = target;
  }
}

function redirectRefused(
  { serverLabel }: ProtectedResource,
  message: string,
  cause?: ErrorCause,
): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "redirect_refused",
    `${JSON.stringify(serverLabel)} ${message}.`,
    cause,
  );
}

/**
 * The one request that may be sent although no turn runs, or no longer: it ends an MCP session. A pool that closes a
 * client ends the session of the client's own user; a run whose response has ended (`ended`) closes the client that
 * it opened.
 */
async function endSession(
  options: UserFetchOptions,
  ended: UserContext | undefined,
  url: string,
  init: OutgoingInit,
): Promise<Response> {
  const token = sessionEndToken(options, ended, init);
  if (token === undefined)
    throw new HostedAgentIdentityError(ended === undefined ? "no_user_context" : "context_ended");
  const response = await deliver(options, url, init, token);
  noteSession(options.sessions, ended, init, response);
  return response;
}

/** A cached token, because a context that has ended acquires nothing. */
function sessionEndToken(
  { acquirer, sessions }: UserFetchOptions,
  ended: UserContext | undefined,
  { method, headers }: OutgoingInit,
): AccessToken | undefined {
  const sessionIds = sessionIdsOf(headers);
  if (method !== "DELETE" || sessionIds.length === 0) return undefined;
  const owner = ended === undefined ? closingPrincipal() : ownerOf(ended);
  if (owner === undefined) return undefined;
  for (const id of sessionIds) sessions?.check(id, owner);
  return ended === undefined ? acquirer.cachedTokenOf(owner) : acquirer.heldFor(ended);
}

function checkSession(
  sessions: SessionOwners | undefined,
  context: UserContext,
  { headers }: OutgoingInit,
): void {
  for (const id of sessionIdsOf(headers)) sessions?.check(id, ownerOf(context));
}

function noteSession(
  sessions: SessionOwners | undefined,
  context: UserContext | undefined,
  { method, headers }: OutgoingInit,
  response: Response,
): void {
  if (sessions === undefined) return;
  const opened = response.headers.get("mcp-session-id");
  if (opened !== null && response.ok) sessions.opened(opened, ownerOf(context));
  // A session that the server did not end keeps its owner.
  const isOver = response.status === 404 || (method === "DELETE" && response.ok);
  if (isOver) for (const id of sessionIdsOf(headers)) sessions.ended(id);
}
