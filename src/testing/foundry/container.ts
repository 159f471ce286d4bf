import { request as httpRequest, type IncomingMessage } from "node:http";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { headerPairs } from "./headers.js";
import type { InProcessServer } from "./in-process-server.js";

/** What the platform sends to a container. */
export interface ContainerRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: Buffer;
  readonly signal: AbortSignal;
}

/** What it answers, its body as it comes. */
export interface ContainerAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: AsyncIterable<Uint8Array>;
}

/** A way to a container: over HTTP/1.1, or as a handler in the same process. */
export type Container = (request: ContainerRequest) => Promise<ContainerAnswer>;

/** The platform ends TLS: containers are spoken to over plain HTTP. Source: hosted-agent contract, "Network". */
export function containerAt(agentUrl: string | URL): Container {
  return ({ method, path, headers, body, signal }) =>
    new Promise((resolve, reject) => {
      const url = new URL(`.${path}`, new URL(`${String(agentUrl).replace(/\/+$/, "")}/`));
      const all = [["host", url.host], ...withLength(headers, body)].flat();
      // Not `fetch`: it would add headers of its own.
      const request = httpRequest(url, { method, signal, agent: false, headers: all });
      request.once("error", reject);
      request.once("response", (response: IncomingMessage) => {
        const pairs = headerPairs(response.rawHeaders);
        resolve({ status: response.statusCode ?? 0, headers: pairs, body: decoded(response) });
      });
      request.end(body);
    });
}

export function containerInProcess(handler: InProcessServer): Container {
  return async ({ method, path, headers, body, signal }) => {
    const request = new Request(new URL(path, "http://agent.invalid"), {
      method,
      headers: new Headers(withLength(headers, body)),
      signal,
      body: body === undefined ? null : new Uint8Array(body),
    });
    const response = await orAborted(handler(request), signal);
    return {
      status: response.status,
      headers: [...response.headers],
      body: response.body === null ? nothing() : untilAborted(response.body, signal),
    };
  };
}

/** The body is not the caller's any more, so its length is not either. */
function withLength(headers: ContainerRequest["headers"], body: Buffer | undefined): [string, string][] {
  const given = headers.filter(([name]) => name.toLowerCase() !== "content-length");
  const length: [string, string][] = body === undefined ? [] : [["content-length", String(body.length)]];
  return [...given.map(([name, value]): [string, string] => [name, value]), ...length];
}

/** A handler that does not listen to its signal is not waited for. */
function orAborted<T>(answer: T | Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    Promise.resolve(answer)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", stop));
  });
}

const decoders = { gzip: createGunzip, deflate: createInflate, br: createBrotliDecompress } as const;

/** The caller's `accept-encoding` reaches the container, which may follow it. */
function decoded(response: IncomingMessage): AsyncIterable<Uint8Array> {
  const encoding = response.headers["content-encoding"] ?? "";
  const decoder = Object.hasOwn(decoders, encoding)
    ? decoders[encoding as keyof typeof decoders]()
    : undefined;
  if (decoder === undefined) return response;
  response.once("error", (error) => decoder.destroy(error));
  return response.pipe(decoder);
}

async function* untilAborted(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const reader = body.getReader();
  const cancel = (): void => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", cancel, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) throw signal.reason;
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

async function* nothing(): AsyncIterable<Uint8Array> {}
