import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import type { FetchLike } from "../runtime/runtime.js";

/** A network whose connections are kept. */
export interface KeptConnections {
  readonly fetch: FetchLike;
  /** Ends the connections that carry no request now, and the others when theirs is done. */
  close(): void;
}

interface KeptConnectionsOptions {
  readonly max: number;
  readonly idleMs: number;
}

type Agents = Readonly<{ "https:": HttpsAgent; "http:": HttpAgent }>;

/** A connection that the server had ended before it took the request: not a byte of an answer came. */
interface Stale {
  readonly stale: Error;
}

/**
 * Keeps connections for as long as they may be idle. Node's `fetch` ends one after 4 s if the server does not say how
 * long it keeps it. Only what a token request needs: a text as body, redirects as they came, and no proxy.
 */
export function keptConnections({ max, idleMs }: KeptConnectionsOptions): KeptConnections {
  const options = {
    keepAlive: true,
    maxSockets: max,
    maxFreeSockets: max,
    timeout: idleMs,
    // The one used last is the least likely to have been ended meanwhile, and the others can end.
    scheduling: "lifo",
  } as const;
  const agents: Agents = { "https:": new HttpsAgent(options), "http:": new HttpAgent(options) };
  const endIdle = (): void => {
    for (const agent of Object.values(agents))
      for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
  };
  return {
    async fetch(input, init = {}) {
      const url = new URL(input instanceof Request ? input.url : input);
      const first = await send(agents, url, init);
      if (!("stale" in first)) return first;
      // Those that were idle for longer have been ended as well. Once: a server that resets each request gets no third.
      endIdle();
      const second = await send(agents, url, init);
      if ("stale" in second) throw second.stale;
      return second;
    },
    close() {
      for (const agent of Object.values(agents)) agent.maxFreeSockets = 0;
      endIdle();
    },
  };
}

function send(agents: Agents, url: URL, init: RequestInit): Promise<Response | Stale> {
  return new Promise((resolve, reject) => {
    const { signal, body } = init;
    signal?.throwIfAborted();
    if (typeof body !== "string" && body !== null && body !== undefined)
      throw new TypeError("Only a text can be sent.");
    const request = begin(agents, url, init);
    let before = 0;
    const abort = (): void => void request.destroy(signal?.reason as Error);
    signal?.addEventListener("abort", abort, { once: true });
    request
      .on("socket", (socket) => void (before = socket.bytesRead))
      .on("close", () => signal?.removeEventListener("abort", abort))
      .on("error", (cause: NodeJS.ErrnoException) => {
        const isReset = cause.code === "ECONNRESET" || cause.code === "EPIPE";
        const isStale = isReset && request.reusedSocket && request.socket?.bytesRead === before;
        if (isStale && signal?.aborted !== true) resolve({ stale: cause });
        else reject(cause);
      })
      .on("response", (answer) => {
        try {
          resolve(responseOf(answer));
        } catch (cause) {
          request.destroy();
          reject(cause);
        }
      });
    request.end(body ?? undefined);
  });
}

function begin(agents: Agents, url: URL, { method = "GET", headers }: RequestInit): ClientRequest {
  const options = { method, headers: Object.fromEntries(new Headers(headers)) };
  return url.protocol === "https:"
    ? httpsRequest(url, { ...options, agent: agents["https:"], rejectUnauthorized: true })
    : httpRequest(url, { ...options, agent: agents["http:"] });
}

/** As `fetch` gives it. Throws for a status or header that no `Response` can have. */
function responseOf(answer: IncomingMessage): Response {
  const { statusCode: status = 0, rawHeaders } = answer;
  const headers = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    headers.append(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "");
  const isEmpty = status === 204 || status === 205 || status === 304;
  if (isEmpty) answer.resume();
  return new Response(isEmpty ? null : (Readable.toWeb(answer) as ReadableStream), { status, headers });
}
