import { currentClientScope, tryGetUserContext } from "../context/ambient.js";
import { closingPrincipal } from "../context/closing.js";
import { windsDown } from "../context/internals.js";
import { type UserContext, internalsOf } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";
import { redirectRefusedCauses } from "../errors/causes/resource.js";
import type { ErrorCause } from "../errors/facts.js";
import type { OnEvent } from "../events/events.js";
import { listens, traced, type TraceHeaders } from "../events/steps.js";
import type { FetchLike } from "../runtime/runtime.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import type { AccessToken } from "../sources/token-source.js";
import type { Acquirer } from "../tokens/acquire.js";
import { answerChallenge } from "./answer-challenge.js";
import { answerReader } from "./answer-reader.js";
import type { ChallengeBudget } from "./challenge-budget.js";
import type { Elicitations } from "./elicitation.js";
import { legacyTransport, mayBeLegacy } from "./legacy-transport.js";
import {
  canSendAgain,
  type OutgoingInit,
  type OutgoingRequest,
  mayBeRpc,
  outgoingRequest,
} from "./outgoing-request.js";
import { lostSession, saysSessionIsLost } from "./lost-session.js";
import { maySendAgain } from "./send-again.js";
import { asksForStandaloneStream, type StandaloneRefusal } from "./standalone-requests.js";
import type { StreamWire } from "./own-requests.js";
import type { StandaloneStreams } from "./standalone-streams.js";
import { inSessionOf, restOf } from "./session-messages.js";
import { ownerOf, sessionIdsOf, type SessionOwners } from "./sessions.js";
import { beginToolCalls, noteAnswer, noteFailure, type ToolCallsSent } from "./tool-calls.js";
import { urlNotAllowed, type UrlMatch } from "./url-match.js";

/** What the identity-aware fetch is made from. */
export interface UserFetchOptions {
  readonly resource: ProtectedResource;
  readonly acquirer: Pick<Acquirer, "cachedToken" | "acquire" | "forget" | "cachedTokenOf" | "heldFor">;
  readonly matches: UrlMatch;
  readonly sessions: SessionOwners | undefined;
  readonly refusals: ChallengeBudget;
  /** Answers whoever asks for a stream on which the server talks by itself. Without it they get one. */
  readonly refuseStandaloneStream: StandaloneRefusal | undefined;
  /** Those of pooled clients. */
  readonly streams?: StandaloneStreams | undefined;
  /** Takes requests that the user open a URL out of answers. A toolbox has its own way. */
  readonly elicitations?: Elicitations;
  /** How long the server may be silent before it has answered. */
  readonly silenceMs?: number | undefined;
  /** The network below. */
  readonly fetch: FetchLike;
  /**
   * The same for a request that calls tools, where the network itself reads the answers: it notes what they say about
   * the server, and says so if one breaks off.
   */
  readonly fetchTelling?: (calls: ToolCallsSent) => FetchLike;
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
    const scope = options.context === undefined ? currentClientScope() : undefined;
    const own = scope && options.streams?.answer({ wire: wireOf(options), scope, context, url, init });
    if (own !== undefined) return own;
    if (context === undefined) return endSession(options, undefined, url, init);
    if (options.refuseStandaloneStream !== undefined && asksForStandaloneStream(init))
      return options.refuseStandaloneStream(init);
    return send(options, context, url, init);
  };
}

/** How streams of pooled clients are opened. What a server asks on them belongs to no answer. */
function wireOf(options: UserFetchOptions): StreamWire {
  const { elicitations: _none, ...rest } = options;
  return {
    asUser: (context, url, init) => send(rest, context, url, init),
    withToken: (token, url, init) => deliver(rest, url, init, token),
  };
}

async function send(
  options: UserFetchOptions,
  context: UserContext,
  url: string,
  given: OutgoingInit,
): Promise<Response> {
  const rpc = mayBeRpc(given) ? options.elicitations : undefined;
  const init = rpc?.declared(given) ?? given;
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
    const attempt = (): Promise<Response> => networkOf(options, calls)(url, request);
    const again = (error: unknown): Promise<Response> => {
      if (!maySendAgain(init, error)) throw error;
      return attempt();
    };
    const call = options.streams?.begin(context, init);
    const sent = await (call?.carry(() => attempt().catch(again)) ?? attempt().catch(again));
    const response = isRedirect(sent, init) ? await follow(options, url, request, sent) : sent;
    if (response.status >= 400 && (await saysSessionIsLost(response, init))) {
      await response.body?.cancel();
      for (const id of sessionIdsOf(init.headers)) options.sessions?.ended(id);
      throw lostSession(context, serverLabel, init);
    }
    const legacy =
      response.status >= 404 && mayBeLegacy(init, response)
        ? await legacyTransport(serverLabel, init.signal, (get) => deliver(options, url, get, first))
        : undefined;
    if (legacy !== undefined) {
      await response.body?.cancel();
      throw legacy;
    }
    const answer =
      response.status === 401 || response.status === 403
        ? await answerChallenge(options, {
            context,
            owner: ownerOf(context),
            init,
            token: first,
            response,
            send: (token) => deliver(options, url, init, token, calls),
          })
        : response;
    noteSession(options.sessions, context, init, answer);
    if (options.fetchTelling === undefined) noteAnswer(internals, serverLabel, init, answer);
    const passed =
      rpc === undefined || answer.body === null
        ? answer
        : await rpc.taken({
            context,
            init: given,
            response: answer,
            asked: () => calls?.asked(),
            send: (body) => sendAfter(options, context, url, inSessionOf(init, body)),
            blocksOf: answerReader({
              init,
              serverLabel,
              internals,
              calls,
              // A stream on which its server talks by itself may have nothing to say for hours.
              silenceMs: asksForStandaloneStream(given) ? undefined : options.silenceMs,
              resume: (lastEventId) => sendAfter(options, context, url, restOf(init, lastEventId)),
            }),
          });
    calls?.answered(passed);
    return passed;
  } catch (error) {
    noteFailure(internals, serverLabel, init, error);
    calls?.failed(error);
    throw error;
  }
}

/** Sends what follows from an answer, as the same user. */
async function sendAfter(
  options: UserFetchOptions,
  context: UserContext,
  url: string,
  init: OutgoingInit,
): Promise<Response> {
  // What the server has asked on a stream of its own is answered with it.
  options.streams?.begin(context, init);
  const token = options.acquirer.cachedToken(context) ?? (await options.acquirer.acquire(context));
  return deliver(options, url, init, token);
}

/** Sends a request with the token, and follows redirects. */
async function deliver(
  options: UserFetchOptions,
  url: string,
  init: OutgoingInit,
  token: AccessToken,
  calls?: ToolCallsSent,
): Promise<Response> {
  const request = withToken(init, token);
  const response = await networkOf(options, calls)(url, request);
  return isRedirect(response, init) ? follow(options, url, request, response) : response;
}

function networkOf({ fetch, fetchTelling }: UserFetchOptions, calls: ToolCallsSent | undefined): FetchLike {
  return calls === undefined || fetchTelling === undefined ? fetch : fetchTelling(calls);
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
    if (target === undefined)
      throw refusal(`redirected to ${originOf(location, from)}, where its token must not go`);
    const where = originOf(location, from);
    if (!keepsMethod)
      throw refusal(`redirected to ${where} with ${response.status}`, redirectRefusedCauses.method);
    if (!canSendAgain(request.body))
      throw refusal(`redirected to ${where}, and the request's body is gone`, redirectRefusedCauses.body);
    response = await options.fetch(target, request);
    if (!isRedirect(response, {})) return response;
    from = target;
  }
}

/** Only the origin: the rest of a location may hold anything, a code or a token included. */
function originOf(location: string, from: string): string {
  if (!URL.canParse(location, from)) return "an unreadable URL";
  const { origin, protocol } = new URL(location, from);
  if (origin === new URL(from).origin) return `another path of ${JSON.stringify(origin)}`;
  return JSON.stringify(origin === "null" ? protocol : origin);
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

/** What events say about the requests of one access. */
interface TracedFetch {
  readonly resource: ProtectedResource;
  readonly onEvent: OnEvent | undefined;
  /** A context to use instead of the current one. */
  readonly context: UserContext | undefined;
}

/**
 * The `fetch` of an access: reads each request once, and sends it with a listener around it. Without a listener for
 * steps it only sends. Events name only the resource's host: paths and queries may name people.
 */
export function tracedFetch(send: SendAsUser, { resource, onEvent, context: bound }: TracedFetch): FetchLike {
  const around = onEvent?.around === undefined ? undefined : onEvent;
  const { hostname, port, protocol } = new URL(resource.url);
  const defaultPort = protocol === "http:" ? 80 : 443;
  const where = {
    step: "mcp_request",
    serverLabel: resource.serverLabel,
    address: hostname,
    port: port === "" ? defaultPort : Number(port),
  } as const;
  return (input, given) => {
    let request;
    try {
      request = outgoingRequest(input, given);
    } catch (error) {
      return Promise.reject(error);
    }
    if (around === undefined || !listens(around)) return send(request);
    const { href, init } = request;
    const context = bound ?? tryGetUserContext();
    const step = {
      ...where,
      method: init.method,
      principal: context?.principalKey,
      trace: context?.trace ?? {},
    };
    return traced(
      around,
      step,
      (headers) => send(headers === undefined ? request : { href, init: withTrace(init, headers) }),
      ({ status }) => ({ status }),
    );
  };
}

/** Keeps the caller's `traceparent`, and never mixes it with a `tracestate` of ours. */
function withTrace(init: OutgoingInit, { traceparent, tracestate }: TraceHeaders): OutgoingInit {
  if (init.headers["traceparent"] !== undefined || !isTraceparent(traceparent)) return init;
  const { tracestate: _replaced, ...headers } = init.headers;
  const isState = tracestate !== undefined && /^[ -~]{1,512}$/.test(tracestate);
  return { ...init, headers: { ...headers, traceparent, ...(isState ? { tracestate } : {}) } };
}

/** Source: W3C Trace Context, section 3.2. */
function isTraceparent(value: string): boolean {
  return /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/.test(value);
}
