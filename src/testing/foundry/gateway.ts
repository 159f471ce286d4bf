import type { IncomingMessage } from "node:http";
import {
  brotliCompressSync,
  brotliDecompressSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateSync,
} from "node:zlib";
import type { Call } from "./calls.js";
import type { Container, ContainerAnswer } from "./container.js";
import { bytesOf, objectOf, text, type Exchange, type Handled } from "./exchange.js";
import { headerPairs, isForwarded } from "./headers.js";
import { newIds } from "./ids.js";
import { loggedHeaders } from "./log.js";
import { refused } from "./refused.js";
import { relay } from "./relay.js";
import { forWhom } from "./whom.js";

/** `POST …/responses`: asks the agent. */
export async function createResponse(exchange: Exchange): Promise<Handled> {
  const { state, request, entry } = exchange;
  const whom = await forWhom(exchange);
  const raw = await bytesOf(request);
  const encoding = encodingOf(request.headers["content-encoding"]);
  const body = objectOf(encoding.decode(raw));
  if (exchange.path["agent"] === undefined) checkAgentReference(exchange, body);
  const previousId = text(body["previous_response_id"]);
  const previous = previousId === undefined ? undefined : state.store.find(previousId, whom.userId);
  if (previousId !== undefined && previous === undefined) {
    throw refused("previous_response_not_found", { id: previousId });
  }
  const conversation = body["conversation"];
  const sessionId = state.sessions.of({
    owner: JSON.stringify([whom.caller.tid, whom.caller.oid]),
    named: text(body["agent_session_id"]),
    conversation: text(conversation) ?? text((Object(conversation) as { id?: unknown }).id),
    previous: previous?.sessionId,
  });
  entry.sessionId = sessionId;
  const container = await readyContainer(exchange, sessionId);
  const call = state.calls.begin(whom, sessionId);
  entry.callId = call.callId;
  const chosenId = state.options.choosesResponseIds ? newIds.response(previousId) : undefined;
  try {
    const told = encoding.encode(Buffer.from(JSON.stringify({ ...body, agent_session_id: sessionId })));
    const answer = await ask(exchange, container, call, { path: "/responses", body: told, chosenId });
    return await relay(exchange, answer, { call, body, chosenId });
  } finally {
    call.end();
  }
}

/** `POST …/invocations`: passed through without interpretation. */
export async function invoke(exchange: Exchange): Promise<Handled> {
  const { state, request, url, entry } = exchange;
  const whom = await forWhom(exchange);
  const body = await bytesOf(request);
  const owner = JSON.stringify([whom.caller.tid, whom.caller.oid]);
  const named = url.searchParams.get("agent_session_id") ?? undefined;
  const sessionId = state.sessions.of({ owner, named, conversation: undefined, previous: undefined });
  entry.sessionId = sessionId;
  const container = await readyContainer(exchange, sessionId);
  const call = state.calls.begin(whom, sessionId);
  entry.callId = call.callId;
  try {
    const answer = await ask(exchange, container, call, { path: "/invocations", body, chosenId: undefined });
    return await relay(exchange, answer, undefined);
  } finally {
    call.end();
  }
}

/** The project's own endpoint names the agent in the body. */
function checkAgentReference({ state }: Exchange, body: Record<string, unknown>): void {
  const { name } = Object(body["agent_reference"]) as { name?: unknown };
  if (text(name) === undefined) throw refused("agent_reference_needed");
  if (name !== state.agentName) throw refused("agent_unknown", { agent: String(name) });
}

async function readyContainer({ state }: Exchange, session: string): Promise<Container> {
  const { container, readiness, options } = state;
  const ready =
    container !== undefined && (options.readiness === "skip" || (await readiness.ready(container)));
  if (!ready || container === undefined) throw refused("session_not_ready", { session });
  return container;
}

async function ask(
  { state, request, gone }: Exchange,
  container: Container,
  call: Call,
  what: { readonly path: string; readonly body: Buffer; readonly chosenId: string | undefined },
): Promise<ContainerAnswer> {
  const headers = containerHeaders(request, call, what.chosenId);
  const entry = state.log.start({
    at: state.now(),
    side: "container",
    method: "POST",
    path: what.path,
    headers: loggedHeaders(headers),
    userId: call.userId,
    callId: call.callId,
    sessionId: call.sessionId,
    status: 0,
  });
  try {
    const answer = await container({ ...what, method: "POST", headers, signal: gone });
    state.log.finish(entry, answer.status);
    return answer;
  } catch {
    state.log.finish(entry, 0);
    if (!gone.aborted) state.readiness.forget();
    throw refused("container_unreachable");
  }
}

interface Encoding {
  readonly encode: (bytes: Uint8Array) => Buffer;
  readonly decode: (bytes: Uint8Array) => Buffer;
}

const limit = { maxOutputLength: 4_194_304 };

const encodings: Readonly<Record<string, Encoding>> = {
  "": { encode: asItIs, decode: asItIs },
  identity: { encode: asItIs, decode: asItIs },
  gzip: { encode: (bytes) => gzipSync(bytes), decode: (bytes) => gunzipSync(bytes, limit) },
  deflate: { encode: (bytes) => deflateSync(bytes), decode: (bytes) => inflateSync(bytes, limit) },
  br: { encode: (bytes) => brotliCompressSync(bytes), decode: (bytes) => brotliDecompressSync(bytes, limit) },
};

/** `content-encoding` is forwarded, and the platform adds to the body: it is opened and closed again. */
function encodingOf(name: string | undefined): Encoding {
  const found = Object.hasOwn(encodings, name ?? "") ? encodings[name ?? ""] : undefined;
  if (found === undefined) throw refused("body_invalid");
  const decode = (bytes: Uint8Array): Buffer => {
    try {
      return found.decode(bytes);
    } catch {
      throw refused("body_invalid");
    }
  };
  return { encode: found.encode, decode };
}

function asItIs(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes);
}

/** What the container is sent: what the contract forwards of the caller's headers, and the platform's own. */
function containerHeaders(
  request: IncomingMessage,
  call: Call,
  responseId: string | undefined,
): (readonly [string, string])[] {
  const forwarded = headerPairs(request.rawHeaders).filter(([name]) => isForwarded(name));
  const chosen: [string, string][] = responseId === undefined ? [] : [["x-agent-response-id", responseId]];
  return [
    ...forwarded,
    ["x-agent-user-id", call.userId],
    ["x-agent-foundry-call-id", call.callId],
    ...chosen,
  ];
}
