import type { IncomingMessage, ServerResponse } from "node:http";

/** A web-standard handler, such as `signIn.handler`. */
export type WebHandler = (request: Request) => Response | Promise<Response>;

/** Forms and JSON of our own pages are small. */
const maxBodyBytes = 65_536;

/**
 * Serves a web-standard handler, such as `signIn.handler`, from Node's server or Express. Reads at most
 * 64 KiB of body (413 for more). Hono takes such a handler as it is: `app.all(path, (c) => handler(c.req.raw))`.
 *
 * Entry points: `hosted-agent-identity/express`, `hosted-agent-identity/node`.
 *
 * @example
 * ```ts
 * import express from "express";
 * import { webHandler } from "hosted-agent-identity/express";
 * import type { SignIn } from "hosted-agent-identity/sign-in";
 *
 * export const app = (signIn: SignIn) => express().use("/sign-in", webHandler(signIn.handler));
 * ```
 * @group Sign-in
 */
export function webHandler(
  handler: WebHandler,
): (request: IncomingMessage & { originalUrl?: string }, response: ServerResponse) => Promise<void> {
  return async function webHandler(request, response) {
    const body = await bodyOf(request);
    if (body === undefined) {
      response.writeHead(413, { connection: "close" }).end();
      return;
    }
    const answer = await handler(asRequest(request, body));
    if (response.destroyed) return;
    const headers = [...answer.headers].filter(([name]) => name !== "set-cookie");
    const cookies = answer.headers.getSetCookie();
    response.writeHead(answer.status, {
      ...Object.fromEntries(headers),
      ...(cookies.length === 0 ? {} : { "set-cookie": cookies }),
    });
    response.end(Buffer.from(await answer.arrayBuffer()));
  };
}

function asRequest(request: IncomingMessage & { originalUrl?: string }, body: Buffer): Request {
  const { method = "GET", rawHeaders } = request;
  const headers = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    // HTTP/2's own pseudo headers are no headers.
    if (!name.startsWith(":")) headers.append(name, rawHeaders[at + 1] ?? "");
  }
  // The host is anybody's claim; handlers build their URLs from what they were configured with.
  const url = new URL(request.originalUrl ?? request.url ?? "/", "http://localhost");
  return new Request(url, {
    method,
    headers,
    ...(method === "GET" || method === "HEAD" ? {} : { body: new Uint8Array(body) }),
  });
}

async function bodyOf(request: IncomingMessage & { body?: unknown }): Promise<Buffer | undefined> {
  // A body parser in front has read it already.
  if (request.readableEnded && typeof request.body === "object" && request.body !== null) {
    const json = request.headers["content-type"]?.includes("json") === true;
    const { body } = request;
    return Buffer.from(
      json ? JSON.stringify(body) : new URLSearchParams(body as Record<string, string>).toString(),
    );
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > maxBodyBytes) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
