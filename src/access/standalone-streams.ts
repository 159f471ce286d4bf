import { inBackground, within } from "../async/deadline.js";
import { runWithoutUserContext } from "../context/ambient.js";
import { liveTurnOf } from "../context/ambient.js";
import { type ClientScope, internalsOf, type UserContext } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";
import { emit, type OnEvent } from "../events/events.js";
import { parseJson } from "../input/json-limits.js";
import { digest } from "../sealing/digest.js";
import type { AccessToken } from "../sources/token-source.js";
import type { Acquirer } from "../tokens/acquire.js";
import { usableUntil } from "../tokens/token-cache.js";
import { callUnderWay, isEventStream, sseMessage, type CallUnderWay } from "./call-under-way.js";
import { sentRpc } from "./elicitation-capability.js";
import { eventScanner, scanned, type ScannedEvent } from "./event-scanner.js";
import type { OutgoingInit } from "./outgoing-request.js";
import { ownerOf, sessionIdsOf, type SessionOwners } from "./sessions.js";
import { asksForStandaloneStream } from "./standalone-requests.js";

/** How requests of pooled clients are sent. */
export interface StreamWire {
  asUser(context: UserContext, url: string, init: OutgoingInit): Promise<Response>;
  withToken(token: AccessToken, url: string, init: OutgoingInit): Promise<Response>;
}

/** What the streams of one access need. */
export interface StandaloneStreamOptions {
  readonly serverLabel: string;
  readonly acquirer: Pick<Acquirer, "cachedToken" | "acquire" | "standingTokenOf">;
  readonly sessions: SessionOwners | undefined;
  readonly now: () => number;
  readonly onEvent: OnEvent | undefined;
}

/** A request of a pooled client that runs by itself. */
export interface OwnRequest {
  readonly wire: StreamWire;
  readonly scope: ClientScope;
  readonly context: UserContext | undefined;
  readonly url: string;
  readonly init: OutgoingInit;
}

/**
 * The streams on which servers talk to pooled clients by themselves. The client reads one stream for as long as it
 * lives; behind it the stream of the server is opened with the token of a turn, ends with that token, and is opened
 * again by the next turn. Between turns no token is acquired.
 *
 * A request of the server is read by the client as part of the answer to the one call that is under way, so that its
 * handler runs in the context of that turn. Without one, or with calls of two turns, it is declined.
 */
export interface StandaloneStreams {
  /** The answer to what a pooled client sends by itself; `undefined` for a request that is like any other. */
  answer(request: OwnRequest): Promise<Response> | undefined;
  /** To be told of each request of a turn. A call for clients with a stream waits until that is open. */
  begin(context: UserContext, init: OutgoingInit): CallUnderWay | undefined;
  /** Ends the streams of a user who has signed out. */
  forget(principalKey: string): void;
  close(): void;
}

interface Stream extends Omit<OwnRequest, "context"> {
  readonly key: string;
  /** Where the client reads. */
  client: ReadableStreamDefaultController<Uint8Array> | undefined;
  hasRoom: (() => void) | undefined;
  /** The stream of the server, while it is open. */
  upstream: AbortController | undefined;
  connecting: Promise<Response | undefined> | undefined;
  timer: NodeJS.Timeout | undefined;
  lastEventId: string | undefined;
  retryMs: number | undefined;
  /** How many times the server has ended it without having said anything. */
  fruitless: number;
  /** The turn that could not open it. */
  failedFor: WeakRef<UserContext> | undefined;
  over: boolean;
}

interface Call extends CallUnderWay {
  readonly context: UserContext;
}

interface StreamsState {
  readonly options: StandaloneStreamOptions;
  /** By principal and session. */
  readonly streams: Map<string, Set<Stream>>;
  readonly calls: Map<string, Set<Call>>;
  /** Requests of servers that a turn has been asked, by principal, session and id. */
  readonly asked: Map<string, () => void>;
}

/** How long a call waits for the stream of its client, in milliseconds. Later ones of its turn do not. */
const connectMs = 5000;
const maxEventLength = 1_048_576;
const maxFruitless = 8;
const maxRetryMs = 30_000;

/** Holds no stream yet. */
export function standaloneStreams(options: StandaloneStreamOptions): StandaloneStreams {
  const state: StreamsState = { options, streams: new Map(), calls: new Map(), asked: new Map() };
  const all = (): Stream[] => [...state.streams.values()].flatMap((some) => [...some]);
  return {
    answer(request) {
      const { init, context } = request;
      if (asksForStandaloneStream(init)) return openStream(state, request);
      // A handler of the client answers its server; a request would be for a user, and there is none.
      if (context === undefined && init.method === "POST" && !isCall(init)) return sendOwn(state, request);
      return undefined;
    },
    begin: (context, init) => (state.streams.size === 0 ? undefined : begin(state, context, init)),
    forget(principalKey) {
      for (const stream of all()) if (stream.scope.principalKey === principalKey) sleep(stream);
    },
    close() {
      for (const stream of all()) end(state, stream);
    },
  };
}

function keyOf(principalKey: string, { headers }: OutgoingInit): string {
  return digest(principalKey, ...sessionIdsOf(headers));
}

/** Whether a body holds a request. One that is not read might. */
function isCall(init: OutgoingInit): boolean {
  const sent = sentRpc(init);
  return sent === undefined || (sent.method !== undefined && sent.id !== undefined);
}

async function openStream(state: StreamsState, request: OwnRequest): Promise<Response> {
  const { scope, init } = request;
  if (scope.closed.aborted) throw new HostedAgentIdentityError("closed", "The client has been closed.");
  for (const id of sessionIdsOf(init.headers)) state.options.sessions?.check(id, scope.principalKey);
  const stream: Stream = {
    ...request,
    key: keyOf(scope.principalKey, init),
    client: undefined,
    hasRoom: undefined,
    upstream: undefined,
    connecting: undefined,
    timer: undefined,
    lastEventId: undefined,
    retryMs: undefined,
    fruitless: 0,
    failedFor: undefined,
    over: false,
  };
  const known = state.streams.get(stream.key) ?? new Set();
  state.streams.set(stream.key, known.add(stream));
  const stop = (): void => end(state, stream);
  scope.closed.addEventListener("abort", stop, { once: true });
  init.signal?.addEventListener("abort", stop, { once: true });
  const body = new ReadableStream<Uint8Array>(
    {
      start: (client) => void (stream.client = client),
      pull: () => stream.hasRoom?.(),
      cancel: stop,
    },
    { highWaterMark: 64 },
  );
  let response: Response | undefined;
  try {
    response = await connect(state, stream);
  } catch (error) {
    stop();
    throw error;
  }
  if (response === undefined || !isEventStream(response)) {
    stop();
    if (response === undefined) throw new HostedAgentIdentityError("no_user_context");
    return response;
  }
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

/** Opens the stream of the server; `undefined` without a token. Once for all who wait. */
function connect(state: StreamsState, stream: Stream): Promise<Response | undefined> {
  clearTimeout(stream.timer);
  stream.connecting ??= connectOnce(state, stream).finally(() => (stream.connecting = undefined));
  return stream.connecting;
}

async function connectOnce(state: StreamsState, stream: Stream): Promise<Response | undefined> {
  const { acquirer } = state.options;
  const { wire, scope, url, init } = stream;
  const upstream = new AbortController();
  const turn = liveTurnOf(scope);
  const standing = turn === undefined ? acquirer.standingTokenOf(scope.principalKey) : undefined;
  if (turn === undefined && standing === undefined) return undefined;
  const send = (more: Readonly<Record<string, string>>): Promise<Response> => {
    const sent = { ...init, headers: { ...init.headers, ...more }, signal: upstream.signal };
    return turn === undefined
      ? wire.withToken(standing as AccessToken, url, sent)
      : wire.asUser(turn, url, sent);
  };
  stream.upstream = upstream;
  try {
    const resumed =
      stream.lastEventId === undefined ? [] : [await send({ "last-event-id": stream.lastEventId })];
    let response = await send({});
    // It has not noticed yet that the stream before has ended.
    for (let ms = 50; response.status === 409 && !resumed.some(isEventStream) && ms < 1000; ms *= 2) {
      await response.body?.cancel();
      await new Promise((resolve) => setTimeout(resolve, ms));
      response = await send({});
    }
    // A stream that is resumed is another one for some servers, and others refuse a second one beside it.
    const bodies = [response, ...resumed].flatMap((one) => (isEventStream(one) ? (one.body ?? []) : []));
    // Otherwise it has ended meanwhile: signed out, or closed.
    if (stream.upstream === upstream && bodies.length > 0) {
      const token = standing ?? (turn?.ended === false ? acquirer.cachedToken(turn) : undefined);
      stream.failedFor = undefined;
      live(state, stream, { token, turn });
      runWithoutUserContext(() =>
        bodies.forEach((body, at) => void pump(state, stream, { upstream, body, at })),
      );
    } else if (stream.upstream === upstream) failed(stream, turn);
    return response;
  } catch (error) {
    if (stream.upstream === upstream) {
      failed(stream, turn);
      if (turn?.ended === true) return connectOnce(state, stream);
    }
    throw error;
  }
}

function failed(stream: Stream, turn: UserContext | undefined): void {
  stream.upstream = undefined;
  if (turn !== undefined) failedFor(stream, turn);
}

function failedFor(stream: Stream, turn: UserContext): void {
  stream.failedFor = new WeakRef(turn);
}

/**
 * Ends the stream with its token; where the token is only its turn's, with the last of the turns that hold the client
 * by then: one that goes on may have a call under way.
 */
function live(
  state: StreamsState,
  stream: Stream,
  { token, turn }: { readonly token: AccessToken | undefined; readonly turn: UserContext | undefined },
): void {
  if (token !== undefined) lookAgain(state, stream, token, usableUntil({ ...token, useUntil: undefined }));
  else if (turn?.ended === false) {
    const { upstream } = stream;
    internalsOf(turn).endListeners.add(() => {
      if (stream.upstream === upstream) outlive(state, stream);
    });
  } else outlive(state, stream);
}

function outlive(state: StreamsState, stream: Stream): void {
  const turn = liveTurnOf(stream.scope);
  if (turn === undefined) sleep(stream);
  else live(state, stream, { token: state.options.acquirer.cachedToken(turn), turn });
}

/**
 * Looks for a token when this one must not be given out any more. The stream itself may stay as long as its own, and
 * while a turn that has a token holds the client: to open it anew could lose a question.
 */
function lookAgain(state: StreamsState, stream: Stream, token: AccessToken, until: number): void {
  const { now } = state.options;
  const at = Math.min(usableUntil(token), until);
  const ms = Math.min(Math.max(at - now(), 1000), 2 ** 31 - 1);
  const look = async (): Promise<void> => {
    if (now() < at) return lookAgain(state, stream, token, until);
    const next = await tokenFor(state, stream.scope).catch(() => undefined);
    if (next === undefined || stream.over) return sleep(stream);
    if (now() < until || liveTurnOf(stream.scope) !== undefined) return lookAgain(state, stream, next, until);
    sleep(stream);
    await connect(state, stream).catch(() => {});
    return undefined;
  };
  stream.timer = inBackground(runWithoutUserContext(() => setTimeout(() => void look(), ms)));
}

/** A token for what a pooled client does by itself: that of a turn that holds it, or one that is cached. */
async function tokenFor(state: StreamsState, scope: ClientScope): Promise<AccessToken | undefined> {
  const { acquirer } = state.options;
  const turn = liveTurnOf(scope);
  if (turn === undefined) return acquirer.standingTokenOf(scope.principalKey);
  try {
    return acquirer.cachedToken(turn) ?? (await acquirer.acquire(turn));
  } catch (error) {
    // It has ended while it waited. Another one may go on.
    if (turn.ended) return tokenFor(state, scope);
    throw error;
  }
}

function sleep(stream: Stream): void {
  clearTimeout(stream.timer);
  const { upstream } = stream;
  stream.upstream = undefined;
  upstream?.abort();
}

function end(state: StreamsState, stream: Stream): void {
  if (stream.over) return;
  stream.over = true;
  sleep(stream);
  const some = state.streams.get(stream.key);
  some?.delete(stream);
  if (some?.size === 0) state.streams.delete(stream.key);
  stream.hasRoom?.();
  try {
    stream.client?.close();
  } catch {
    // The client has cancelled it.
  }
}

/** Reads what the server says. When its stream ends, which is the first of those that are read, it is opened again. */
async function pump(
  state: StreamsState,
  stream: Stream,
  { upstream, body, at }: { upstream: AbortController; body: ReadableStream<Uint8Array>; at: number },
): Promise<void> {
  const scanner = eventScanner(maxEventLength);
  try {
    for await (const chunk of body)
      for (const event of scanned(scanner, chunk)) await heard(state, stream, event);
  } catch {
    // Broken off, which is an end like any other.
  }
  if (stream.upstream === upstream && at === 0) openAgain(state, stream);
}

/** Opens a stream again that has ended, after a while. */
function openAgain(state: StreamsState, stream: Stream): void {
  sleep(stream);
  stream.fruitless += 1;
  if (stream.fruitless > maxFruitless) return;
  const ms = stream.retryMs ?? 2 ** (stream.fruitless - 1) * 1000;
  const again = (): void => void connect(state, stream).catch(() => {});
  const timer = runWithoutUserContext(() => setTimeout(again, Math.min(ms, maxRetryMs)));
  stream.timer = inBackground(timer);
}

/** Source: HTML, server-sent events, 9.2.6. */
async function heard(state: StreamsState, stream: Stream, { text, data }: ScannedEvent): Promise<void> {
  const id = /^id: ?(.*)$/m.exec(text)?.[1];
  // A header that cannot be sent resumes nothing.
  if (id !== undefined && /^[\x20-\x7e]{0,1000}$/.test(id)) stream.lastEventId = id === "" ? undefined : id;
  const retry = /^retry: ?(\d{1,9})$/m.exec(text)?.[1];
  if (retry !== undefined) stream.retryMs = Number(retry);
  if (data === "") return;
  stream.fruitless = 0;
  let message: unknown;
  try {
    message = parseJson(data);
  } catch {
    return;
  }
  const messages = Array.isArray(message)
    ? message.map((one) => [one, JSON.stringify(one)])
    : [[message, data]];
  for (const [one, json] of messages) await dispatch(state, stream, one, String(json));
}

/** Gives a message to the one turn that has a call under way, or to nobody's turn. */
async function dispatch(state: StreamsState, stream: Stream, message: unknown, json: string): Promise<void> {
  const { method, id } = Object(message) as { method?: unknown; id?: unknown };
  const isRequest = typeof method === "string" && id !== undefined;
  // Asked on both streams that are read.
  if (isRequest && state.asked.has(askedKey(stream, id))) return undefined;
  if (isRequest && method === "ping") return void sendReply(state, stream, { id, result: {} });
  const calls = [...(state.calls.get(stream.key) ?? [])].filter(({ context }) => !context.ended);
  const turns = new Set(calls.map(({ context }) => context));
  const [call] = calls;
  if (call !== undefined && turns.size === 1 && stream.init.method === "GET" && typeof method === "string") {
    if (isRequest) expectReply(state, stream, id, call.context);
    return call.push(json);
  }
  // Roots are the client's, and nobody is asked for them.
  if (isRequest && method !== "roots/list") return decline(state, stream, { id, method, turns: turns.size });
  stream.client?.enqueue(Buffer.from(sseMessage(json)));
  if ((stream.client?.desiredSize ?? 1) <= 0)
    await new Promise<void>((resolve) => (stream.hasRoom = resolve));
  return undefined;
}

function askedKey({ key }: Pick<Stream, "key">, id: unknown): string {
  return digest(key, JSON.stringify(id));
}

/** What a turn was asked and has not answered when it ends is declined. */
function expectReply(state: StreamsState, stream: Stream, id: unknown, context: UserContext): void {
  const key = askedKey(stream, id);
  const { endListeners } = internalsOf(context);
  const onEnd = (): void => {
    state.asked.delete(key);
    decline(state, stream, { id, method: "", turns: 0 });
  };
  endListeners.add(onEnd);
  state.asked.set(key, () => {
    endListeners.delete(onEnd);
    state.asked.delete(key);
  });
}

function decline(
  state: StreamsState,
  stream: Stream,
  { id, method, turns }: { readonly id: unknown; readonly method: string; readonly turns: number },
): void {
  const reason = turns === 0 ? "no_turn" : "several_turns";
  const { serverLabel, onEvent } = state.options;
  const known = method === "elicitation/create" || method === "sampling/createMessage" ? method : undefined;
  emit(onEvent, { type: "server_request_declined", serverLabel, reason, method: known });
  const message =
    turns === 0
      ? "No call of this user is under way, so there is nobody to ask."
      : "Calls of two conversations of this user are under way, and the request does not say whose it is. Send it with the call that it belongs to.";
  void sendReply(state, stream, { id, error: { code: -32_603, message } });
}

async function sendReply(
  state: StreamsState,
  { wire, scope, url, init }: Stream,
  reply: Readonly<Record<string, unknown>>,
): Promise<void> {
  const body = JSON.stringify({ jsonrpc: "2.0", ...reply });
  const { "mcp-method": _method, "mcp-name": _name, ...kept } = init.headers;
  const headers = {
    ...kept,
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
  };
  const posted = { ...init, method: "POST", headers, body, signal: null };
  try {
    const answer = await sendOwn(state, { wire, scope, url, init: posted });
    await answer.body?.cancel();
  } catch {
    // The server stops waiting by itself.
  }
}

async function sendOwn(
  state: StreamsState,
  { wire, scope, url, init }: Omit<OwnRequest, "context">,
): Promise<Response> {
  for (const id of sessionIdsOf(init.headers)) state.options.sessions?.check(id, scope.principalKey);
  const token = scope.closed.aborted ? undefined : await tokenFor(state, scope);
  if (token === undefined) throw new HostedAgentIdentityError("no_user_context");
  return wire.withToken(token, url, init);
}

function begin(state: StreamsState, context: UserContext, init: OutgoingInit): CallUnderWay | undefined {
  if (init.method !== "POST") return undefined;
  const key = keyOf(ownerOf(context), init);
  const streams = state.streams.get(key);
  if (streams === undefined) return undefined;
  const sent = sentRpc(init);
  if (!isCall(init)) {
    if (sent?.method === undefined) state.asked.get(askedKey({ key }, sent?.id))?.();
    return undefined;
  }
  const calls = state.calls.get(key) ?? new Set();
  const over = (): void => {
    calls.delete(call);
    if (calls.size === 0) state.calls.delete(key);
  };
  const { carry, push } = callUnderWay(sent?.id, over);
  const call: Call = {
    context,
    push,
    carry: (send) =>
      carry(async () => {
        await allOpen(state, streams, context);
        return send();
      }),
  };
  state.calls.set(key, calls.add(call));
  return call;
}

/** Opens the streams that sleep, so that the server can talk while the call runs. */
async function allOpen(state: StreamsState, streams: Iterable<Stream>, context: UserContext): Promise<void> {
  const closed = [...streams]
    .filter(({ connecting, upstream }) => connecting !== undefined || upstream === undefined)
    .filter(({ failedFor }) => failedFor?.deref() !== context);
  if (closed.length === 0) return;
  const opening = Promise.all(closed.map((stream) => connect(state, stream).catch(() => undefined)));
  if ((await within(opening, connectMs)) === undefined)
    for (const stream of closed) failedFor(stream, context);
}
