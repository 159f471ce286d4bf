import type { IncomingMessage, ServerResponse } from "node:http";
import { func } from "../options/checks.js";
import { type OptionCheck } from "../options/option-table.js";

/**
 * A web-standard handler, such as `signIn.handler`.
 * @group Sign-in
 */
export type WebHandler = (request: Request) => Response | Promise<Response>;

/** A request of Node; in Express with its whole path, and with the body that a parser in front has read. */
export type NodeRequest = IncomingMessage & { readonly originalUrl?: string; readonly body?: unknown };

/** What a web-standard handler has to be. */
export const handlerCheck: OptionCheck<WebHandler> = func<WebHandler>(
  "a handler, for example signIn.handler",
);

/** Forms and JSON of our own pages are small. */
const maxBodyBytes = 65_536;

/**
 * Serves a web-standard handler, such as `signIn.handler`, from Node's server or Express. Reads at most
 * 64 KiB of body (413 for more). Never rejects: errors of the handler go to Express, or become a 500 on a plain
 * server. Hono takes such a handler as it is: `app.all(path, (c) => handler(c.req.raw))`.
 *
 * Entry points: `hosted-agent-identity/express`, `hosted-agent-identity/node`; for Fastify there is a plugin of
 * the same name in `hosted-agent-identity/fastify`.
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
): (
  request: IncomingMessage & { readonly originalUrl?: string },
  response: ServerResponse,
  next?: (error: unknown) => void,
) => Promise<void> {
  handlerCheck.read(handler, "webHandler: handler");
  return async function webHandler(request, response, next) {
    try {
      const answer = await webAnswer(handler, request);
      if (answer === undefined || response.destroyed) return;
      const body = answer.body === null ? "" : Buffer.from(await answer.arrayBuffer());
      response.writeHead(answer.status, headersOf(answer)).end(body);
    } catch (error) {
      // A plain server takes no error, and an unhandled rejection would end the process.
      if (next !== undefined) next(error);
      else if (!response.headersSent) response.writeHead(500, plainHeaders).end();
      else response.destroy();
    }
  };
}

/** The handler's answer to a request of Node; `undefined` when the client has disconnected. */
export async function webAnswer(handler: WebHandler, request: NodeRequest): Promise<Response | undefined> {
  let body: Buffer | undefined;
  try {
    body = await bodyOf(request);
  } catch {
    return undefined;
  }
  if (body === undefined) return new Response(null, { status: 413, headers: plainHeaders });
  const web = asRequest(request, body);
  return web === undefined ? new Response(null, { status: 400, headers: plainHeaders }) : handler(web);
}

/** The headers of an answer as Node takes them: cookies are not joined. */
export function headersOf(answer: Response): Record<string, string | string[]> {
  const headers = [...answer.headers].filter(([name]) => name !== "set-cookie");
  const cookies = answer.headers.getSetCookie();
  return { ...Object.fromEntries(headers), ...(cookies.length === 0 ? {} : { "set-cookie": cookies }) };
}

/** Headers of an answer without the handler. The request's body may be unread, so the connection closes. */
const plainHeaders = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  connection: "close",
};

/** `undefined` where there is no such web-standard request: target `*`, method `TRACE`. */
function asRequest(request: NodeRequest, body: Buffer): Request | undefined {
  const { method = "GET", rawHeaders } = request;
  const target = request.originalUrl ?? request.url ?? "/";
  // Not the Host header, which the caller chooses: handlers build URLs from their configuration. The path is appended
  // as text, because `//name/path` would resolve to another host.
  const url = target.startsWith("/") ? `http://localhost${target}` : target;
  if (!/^https?:/i.test(url)) return undefined;
  const headers: [name: string, value: string][] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    // HTTP/2's own pseudo headers are no headers.
    if (!name.startsWith(":")) headers.push([name, rawHeaders[at + 1] ?? ""]);
  }
  try {
    const content = method === "GET" || method === "HEAD" ? {} : { body: new Uint8Array(body) };
    return new Request(url, { method, headers, ...content });
  } catch {
    return undefined;
  }
}

async function bodyOf(request: NodeRequest): Promise<Buffer | undefined> {
  // A body parser in front has read it already.
  if (request.readableEnded && request.body !== undefined && request.body !== null)
    return readBefore(request);
  // Most bodies have arrived with their headers: they are there once Node has read on.
  await Promise.resolve();
  if (request.complete && request.readableFlowing === null && !request.destroyed) {
    const whole: unknown = request.read() ?? Buffer.alloc(0);
    if (whole instanceof Buffer) return whole.length > maxBodyBytes ? undefined : whole;
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

function readBefore({ body, headers }: NodeRequest): Buffer | undefined {
  const isJson = headers["content-type"]?.includes("json") === true;
  const bytes =
    typeof body === "string" || body instanceof Uint8Array
      ? Buffer.from(body)
      : Buffer.from(isJson ? JSON.stringify(body) : formText(body));
  return bytes.length > maxBodyBytes ? undefined : bytes;
}

/** A form as text again. Parsers make lists of repeated fields; what else they make of names is no field. */
function formText(body: unknown): string {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(Object(body) as object)) {
    for (const one of [value as unknown].flat()) if (typeof one === "string") form.append(name, one);
  }
  return form.toString();
}
