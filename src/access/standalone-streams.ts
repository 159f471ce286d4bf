import { inBackground, within } from "../async/deadline.js";
import { liveTurnOf, runWithoutUserContext } from "../context/ambient.js";
import { type ClientScope, internalsOf, type UserContext } from "../context/user-context.js";
import { HostedAgentIdentityError } from "../errors.js";
import { parseJson } from "../input/json-limits.js";
import { digest } from "../sealing/digest.js";
import type { AccessToken } from "../sources/token-source.js";
import { usableUntil } from "../tokens/token-cache.js";
import { askedTurns, type AskedTurns, type AskedTurnsOptions, type Listener } from "./asked-turns.js";
import type { CallUnderWay } from "./call-under-way.js";
import { sentRpc } from "./elicitation-capability.js";
import { eventScanner, scanned, type ScannedEvent } from "./event-scanner.js";
import { opensEventStream, sseMessage } from "./event-stream.js";
import { isEndpointEvent, legacyTransportError } from "./legacy-transport.js";
import type { OutgoingInit } from "./outgoing-request.js";
import { sendOwn, sendReply, tokenFor, type OwnRequest, type OwnRequestOptions } from "./own-requests.js";
import { ownerOf, sessionIdsOf } from "./sessions.js";
import { asksForStandaloneStream } from "./standalone-requests.js";

/** What the streams of one access need. */
export interface StandaloneStreamOptions extends OwnRequestOptions, AskedTurnsOptions {
  readonly now: () => number;
}

/** A request that a pooled client makes, in a turn or outside any. */
export interface ClientRequest extends OwnRequest {
  readonly context: UserContext | undefined;
}

/**
 * The streams on which servers talk to pooled clients by themselves. The client reads one stream for as long as it
 * lives; behind it the stream of the server is opened with the token of a turn, ends with that token, and is opened
 * again by the next turn. Between turns no token is acquired.
 */
export interface StandaloneStreams {
  /** The answer to what a pooled client sends by itself; `undefined` for a request that is like any other. */
  answer(request: ClientRequest): Promise<Response> | undefined;
  /** To be told of each request of a turn. A call for clients with a stream waits until that is open. */
  begin(context: UserContext, init: OutgoingInit): BegunCall | undefined;
  /** Ends the streams of a user who has signed out. */
  forget(principalKey: string): void;
  close(): void;
}

/** A call of a turn that the server may talk into. */
export type BegunCall = Pick<CallUnderWay, "carry">;

interface Stream extends OwnRequest {
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

interface StreamsState {
  readonly options: StandaloneStreamOptions;
  /** By principal and session. */
  readonly streams: Map<string, Set<Stream>>;
  readonly turns: AskedTurns;
  /** The clients that have posted something. */
  readonly posted: WeakSet<ClientScope>;
}

/** How long a call waits for the stream of its client, in milliseconds. Later ones of its turn do not. */
const connectMs = 5000;
const maxEventLength = 1_048_576;
/** How long a client may take to post something, in milliseconds. Those of today's transport do so at once. */
const legacyMs = 500;
const maxFruitless = 8;
const maxRetryMs = 30_000;

/** Holds no stream yet. */
export function standaloneStreams(options: StandaloneStreamOptions): StandaloneStreams {
  const state: StreamsState = {
    options,
    streams: new Map(),
    turns: askedTurns(options),
    posted: new WeakSet(),
  };
  const all = (): Stream[] => [...state.streams.values()].flatMap((some) => [...some]);
  return {
    answer(request) {
      const { init, context, scope } = request;
      if (init.method === "POST") state.posted.add(scope);
      if (asksForStandaloneStream(init)) return openStream(state, request);
      // A handler of the client answers its server; a request would be for a user, and there is none.
      if (context === undefined && init.method === "POST" && !isCall(init))
        return sendOwn(state.options, request);
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

async function openStream(state: StreamsState, request: ClientRequest): Promise<Response> {
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
  if (response === undefined || !opensEventStream(response)) {
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
    for (let ms = 50; response.status === 409 && !resumed.some(opensEventStream) && ms < 1000; ms *= 2) {
      await response.body?.cancel();
      await new Promise((resolve) => setTimeout(resolve, ms));
      response = await send({});
    }
    // A stream that is resumed is another one for some servers, and others refuse a second one beside it.
    const bodies = [response, ...resumed].flatMap((one) => (opensEventStream(one) ? (one.body ?? []) : []));
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
    const next = await tokenFor(state.options, stream.scope).catch(() => undefined);
    if (next === undefined || stream.over) return sleep(stream);
    if (now() < until || liveTurnOf(stream.scope) !== undefined) return lookAgain(state, stream, next, until);
    sleep(stream);
    await connect(state, stream).catch(() => {});
    return undefined;
  };
  stream.timer = inBackground(runWithoutUserContext(() => setTimeout(() => void look(), ms)));
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

/**
 * A client of the older transport waits for this event, which is no message, before it posts anything. Some servers send
 * it to clients of today's, too, which do not wait.
 */
function refuseLegacy({ options, posted }: StreamsState, { scope }: Stream): void {
  const refuse = (): void => {
    if (!posted.has(scope)) scope.refuse(legacyTransportError(options.serverLabel));
  };
  inBackground(setTimeout(refuse, legacyMs));
}

/** Source: HTML, server-sent events, 9.2.6. */
async function heard(state: StreamsState, stream: Stream, { text, data }: ScannedEvent): Promise<void> {
  const id = /^id: ?(.*)$/m.exec(text)?.[1];
  // A header that cannot be sent resumes nothing.
  if (id !== undefined && /^[\x20-\x7e]{0,1000}$/.test(id)) stream.lastEventId = id === "" ? undefined : id;
  const retry = /^retry: ?(\d{1,9})$/m.exec(text)?.[1];
  if (retry !== undefined) stream.retryMs = Number(retry);
  if (data === "") return;
  if (isEndpointEvent(text)) refuseLegacy(state, stream);
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
  for (const [one, json] of messages) await state.turns.hear(listenerOf(state, stream), one, String(json));
}

function listenerOf(state: StreamsState, stream: Stream): Listener {
  return {
    key: stream.key,
    mayAsk: stream.init.method === "GET",
    async tell(json) {
      stream.client?.enqueue(Buffer.from(sseMessage(json)));
      if ((stream.client?.desiredSize ?? 1) <= 0)
        await new Promise<void>((resolve) => (stream.hasRoom = resolve));
    },
    reply: (message) => void sendReply(state.options, stream, message),
  };
}

function begin(state: StreamsState, context: UserContext, init: OutgoingInit): BegunCall | undefined {
  if (init.method !== "POST") return undefined;
  const key = keyOf(ownerOf(context), init);
  const streams = state.streams.get(key);
  if (streams === undefined) return undefined;
  const sent = sentRpc(init);
  if (!isCall(init)) {
    if (sent?.method === undefined) state.turns.replied(key, sent?.id);
    return undefined;
  }
  const { carry } = state.turns.begin(key, context, sent?.id);
  return {
    carry: (send) =>
      carry(async () => {
        await allOpen(state, streams, context);
        return send();
      }),
  };
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
