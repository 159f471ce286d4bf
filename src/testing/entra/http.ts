import type { IncomingMessage, ServerResponse } from "node:http";

/** An answer, before it is written. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Entra forbids every cache to keep what its endpoints answer. */
const noStore = { "cache-control": "no-store, no-cache", pragma: "no-cache" };

export function json(status: number, body: object, headers: Readonly<Record<string, string>> = {}): Reply {
  return {
    status,
    headers: { "content-type": "application/json; charset=utf-8", ...noStore, ...headers },
    body: JSON.stringify(body),
  };
}

/** A page. `Cross-Origin-Opener-Policy` cuts `window.opener`, as on Entra's own pages. */
export function html(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      ...noStore,
      "cross-origin-opener-policy": "same-origin",
      "referrer-policy": "strict-origin-when-cross-origin",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      ...headers,
    },
    body,
  };
}

export function redirect(location: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return { ...html(302, "", headers), headers: { ...html(302, "").headers, location, ...headers } };
}

/**
 * Where a request goes, whatever its target: behind a host, `//name/path` would name another one, and `*` none.
 */
export function targetOf({ url = "/" }: IncomingMessage, origin: string): URL {
  if (url.startsWith("/")) return new URL(origin + url);
  return new URL(URL.canParse(url) ? url : origin);
}

/** The body of a request, at most a megabyte. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > 1_048_576) throw new RangeError("The request body is too large.");
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}

export function write(response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, { ...reply.headers, "content-length": Buffer.byteLength(reply.body) });
  response.end(reply.body);
}

/** The value of one cookie of a request. */
export function cookie(request: IncomingMessage, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? "").split(";")) {
    const [key, value] = pair.trim().split("=", 2);
    if (key === name) return value;
  }
  return undefined;
}
