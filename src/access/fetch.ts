import { tryGetUserContext } from "../context/ambient.js";
import type { FetchLike } from "../context/fetch-like.js";
import { internalsOf, windsDown } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";
import type { Acquirer } from "../tokens/acquire.js";
import type { ProtectedResource } from "../tokens/protected-resource.js";
import type { AccessToken } from "../tokens/token-source.js";
import { canSendAgain } from "./body.js";
import type { FreshRefusals } from "./fresh-refusals.js";
import { readHeader, withAuthorization } from "./request-headers.js";
import { secondTry } from "./second-try.js";
import { noteAnswer, noteFailure } from "./server-troubles.js";
import { sessionEndToken } from "./session-end.js";
import { ownerOf, type SessionOwners } from "./sessions.js";
import { refuseStandaloneStream } from "./standalone-stream.js";
import { beginToolCalls } from "./tool-calls.js";
import { urlNotAllowed, type UrlMatch } from "./url-match.js";

/** What the identity-aware fetch is made from. */
export interface UserFetchOptions {
  readonly resource: ProtectedResource;
  readonly acquirer: Pick<Acquirer, "peek" | "acquire" | "forget" | "cached" | "heldFor">;
  readonly matches: UrlMatch;
  readonly sessions: SessionOwners | undefined;
  readonly refusals: FreshRefusals;
  readonly refuseStandaloneStream: boolean;
  /** The network below. */
  readonly fetch: FetchLike;
  /** A context to use instead of the current one. */
  readonly context: UserContext | undefined;
}

const maxRedirects = 5;

/** A `fetch` that sends every request as the user of the current context, to the resource and nowhere else. */
export function userFetch(options: UserFetchOptions): FetchLike {
  return (input, init) => {
    const given = input instanceof Request ? input : undefined;
    const url = given === undefined ? (input as string | URL) : given.url;
    if (!options.matches(url)) return Promise.reject(urlNotAllowed(url, options.resource.url));
    const context = options.context ?? tryGetUserContext();
    const request = given === undefined ? (init ?? {}) : fromRequest(given, init);
    if (context === undefined) return endSession(options, undefined, url, request);
    if (options.refuseStandaloneStream) {
      const refused = refuseStandaloneStream(
        (request.method ?? "GET").toUpperCase(),
        request.headers,
        request.body,
      );
      if (refused !== undefined) return Promise.resolve(refused);
    }
    return send(options, context, url, request);
  };
}

/** A `Request` is taken apart: its headers are merged with those of `init`, as `fetch` would do. */
function fromRequest(request: Request, init: RequestInit | undefined): RequestInit {
  return {
    method: request.method,
    headers: request.headers,
    body: request.body,
    redirect: request.redirect,
    signal: request.signal,
    ...(request.body === null ? {} : { duplex: "half" }),
    ...init,
  } as RequestInit;
}

async function send(
  options: UserFetchOptions,
  context: UserContext,
  url: string | URL,
  init: RequestInit,
): Promise<Response> {
  const internals = internalsOf(context);
  if (windsDown(internals)) return endSession(options, context, url, init);
  checkSession(options.sessions, context, init);
  const first =
    options.acquirer.peek(context) ??
    (await options.acquirer.acquire(context, { signal: init.signal ?? undefined }));
  const { serverLabel } = options.resource;
  const calls = beginToolCalls(internals, serverLabel, init);
  try {
    // Not through deliver(): one more promise costs more than finding the token.
    const request = withToken(init, first);
    const sent = await options.fetch(url, request);
    const response = isRedirect(sent, init) ? await follow(options, url, request, sent) : sent;
    const answer =
      response.status === 401 || response.status === 403
        ? await secondTry(options, {
            context,
            owner: ownerOf(context),
            init,
            first,
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

/** Sends with the token, once and to wherever it may be redirected. */
async function deliver(
  options: UserFetchOptions,
  url: string | URL,
  init: RequestInit,
  token: AccessToken,
): Promise<Response> {
  const request = withToken(init, token);
  const response = await options.fetch(url, request);
  return isRedirect(response, init) ? follow(options, url, request, response) : response;
}

function withToken(init: RequestInit, token: AccessToken): RequestInit {
  const headers = withAuthorization(init.headers, token.token);
  return { ...init, headers, redirect: init.redirect === "error" ? "error" : "manual" };
}

/** With `redirect: "manual"` the caller follows, and comes back here with the new URL. */
function isRedirect(response: Response, init: RequestInit): boolean {
  if (response.status < 300 || response.status > 399) return false;
  return init.redirect !== "manual" && init.redirect !== "error" && response.headers.has("location");
}

/** Follows redirects by hand: only 307 and 308, only to where the token may go anyway. Rule 1. */
async function follow(
  options: UserFetchOptions,
  url: string | URL,
  request: RequestInit,
  redirected: Response,
): Promise<Response> {
  let [from, response] = [url, redirected];
  for (let hops = 0; ; hops += 1) {
    const location = response.headers.get("location") ?? "";
    await response.body?.cancel();
    const next = URL.canParse(location, String(from)) ? new URL(location, from) : undefined;
    const keepsMethod = response.status === 307 || response.status === 308;
    if (hops >= maxRedirects) break;
    if (next === undefined || !keepsMethod || !options.matches(next) || !canSendAgain(request.body)) break;
    response = await options.fetch(next, request);
    if (!isRedirect(response, {})) return response;
    from = next;
  }
  throw new HostedAgentIdentityError(
    "redirect_refused",
    `${JSON.stringify(options.resource.serverLabel)} redirected to where its token must not go.`,
  );
}

/** The one request that may be sent although no turn runs, or no longer: it closes an MCP session. */
async function endSession(
  options: UserFetchOptions,
  ended: UserContext | undefined,
  url: string | URL,
  init: RequestInit,
): Promise<Response> {
  const token = sessionEndToken(options.acquirer, options.sessions, init, ended);
  if (token === undefined)
    throw new HostedAgentIdentityError(ended === undefined ? "no_user_context" : "context_ended");
  const response = await deliver(options, url, init, token);
  noteSession(options.sessions, ended, init, response);
  return response;
}

function checkSession(sessions: SessionOwners | undefined, context: UserContext, init: RequestInit): void {
  const sessionId = sessions === undefined ? undefined : readHeader(init.headers, "mcp-session-id");
  if (sessionId !== undefined) sessions?.check(sessionId, ownerOf(context));
}

function noteSession(
  sessions: SessionOwners | undefined,
  context: UserContext | undefined,
  init: RequestInit,
  response: Response,
): void {
  if (sessions === undefined) return;
  const opened = response.headers.get("mcp-session-id");
  if (opened !== null && response.ok) sessions.opened(opened, ownerOf(context));
  if (init.method !== "DELETE" && response.status !== 404) return;
  const sent = readHeader(init.headers, "mcp-session-id");
  if (sent !== undefined) sessions.ended(sent);
}
