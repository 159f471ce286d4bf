import type { IncomingMessage, ServerResponse } from "node:http";
import { excessInText, excessInValue } from "../input/json-limits.js";
import { warnOf } from "../errors/warn-of.js";
import { readBody } from "../turn/received-body.js";
import { runInContext } from "../context/ambient.js";
import { admit, broken, notRpc, tooComplex, tooLong, type Admission, type Gate } from "./admit.js";
import { changeAnswer, headersIn } from "./changed-answer.js";
import { lateAnswer } from "./late-answer.js";
import { browserAnswer } from "./browsers.js";
import type { GateSettings } from "./settings.js";
import type { Refusal } from "./refusal.js";
import { metadataAnswer } from "./resource-metadata.js";

/** Middleware in the shape of `node:http`, connect and Express. `next` is called for what may pass, and for nothing else. */
export type NodeMiddleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** Answers requests for the metadata, and passes every other one on. */
export function nodeMetadata(settings: GateSettings): NodeMiddleware {
  return function mcpServerMetadata(request, response, next) {
    const { originalUrl = request.url ?? "/" } = request as { originalUrl?: string };
    const path = originalUrl.split("?", 1)[0] ?? "/";
    const answer = metadataAnswer(settings, { method: request.method ?? "GET", path });
    if (answer === undefined) return next();
    try {
      send(request, response, answer);
    } catch (error) {
      fail(request, response, error);
    }
  };
}

/** Lets verified requests pass, with `auth` and `body` on them: where the SDKs' servers look for both. */
export function nodeGate(gate: Gate): NodeMiddleware {
  async function admission(request: IncomingMessage): Promise<Admission> {
    const { authorization, "mcp-session-id": sessionId } = request.headers;
    const every = request.headersDistinct?.["authorization"];
    return admit(
      {
        method: request.method ?? "GET",
        authorization: every ?? (authorization === undefined ? [] : [authorization]),
        sessionId: Array.isArray(sessionId) ? sessionId.join(", ") : sessionId,
        body: () => bodyOf(request, gate.settings.maxBodyBytes),
      },
      gate,
    );
  }

  async function serve(
    request: IncomingMessage,
    response: ServerResponse,
    next: () => unknown,
  ): Promise<void> {
    const { headers, isPreflight } = browserAnswer(gate.settings.browserOrigins, {
      method: request.method ?? "GET",
      header: (name) => request.headers[name]?.toString(),
    });
    for (const [name, value] of Object.entries(headers)) response.appendHeader(name, value);
    if (isPreflight) return send(request, response, { status: 204, headers: {}, body: "" });
    const outcome = await admission(request);
    if ("refused" in outcome) return send(request, response, outcome.refused);
    const { authInfo, body, person, answered } = outcome.admitted;
    Object.assign(request, { auth: authInfo }, body === undefined ? {} : { body });
    onAnswer(response, answered);
    // On a plain server `next` is often an async function, and nothing else would handle its rejection.
    if (person === undefined) return void (await next());
    const { context } = person;
    const late = lateAnswer(person);
    if (late !== undefined) changeAnswer(response, late);
    if (response.closed) context.end();
    else response.once("close", () => context.end());
    await runInContext(context, next);
  }

  return function mcpServerGate(request, response, next) {
    // Errors do not go to `next`: a plain server ignores its argument, and would let the call pass.
    serve(request, response, () => next()).catch((error: unknown) => fail(request, response, error));
  };
}

async function bodyOf(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const { body } = request as { body?: unknown };
  if (body !== undefined) {
    if (excessInValue(body) !== undefined) throw tooComplex;
    return body;
  }
  let bytes;
  try {
    bytes = await readBody(request.iterator({ destroyOnReturn: false }), maxBytes);
  } catch {
    // The client disconnected in the middle of the body.
    throw notRpc;
  }
  return parsed(bytes);
}

/** Throws a {@link Refusal}. */
export function parsed(bytes: Uint8Array | undefined): unknown {
  if (bytes === undefined) throw tooLong;
  // Checked before parsing: deeply nested JSON overflows the stack of code that serializes it again.
  if (excessInText(bytes) !== undefined) throw tooComplex;
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch {
    throw notRpc;
  }
}

export function isRefusal(error: unknown): error is Refusal {
  return error === tooLong || error === tooComplex || error === notRpc;
}

/** Sees status and session of an answer as it is written: the SDKs name the session in its headers. */
function onAnswer(
  response: ServerResponse,
  answered: (status: number, sessionId: string | undefined) => void,
): void {
  const { writeHead } = response;
  response.writeHead = function seen(this: ServerResponse, status: number, ...rest: never[]) {
    const written = writeHead.call(this, status, ...rest);
    // Headers that were given to `writeHead` alone are not among those of the response.
    const own = this.getHeader("mcp-session-id") ?? headersIn(rest.at(-1))["mcp-session-id"];
    answered(status, typeof own === "string" ? own : undefined);
    return written;
  } as typeof writeHead;
}

/** Answers an unexpected failure. Never throws, because nothing may handle it. */
function fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const refusal = isRefusal(error) ? error : broken;
  if (refusal === broken) warnOf("protectMcpServer()", error);
  if (response.destroyed || response.writableEnded) return;
  try {
    if (response.headersSent) response.destroy();
    else send(request, response, refusal);
  } catch {
    response.destroy();
  }
}

function send(request: IncomingMessage, response: ServerResponse, answer: Refusal): void {
  response.writeHead(answer.status, { ...answer.headers });
  response.end(request.method === "HEAD" ? undefined : answer.body);
}
