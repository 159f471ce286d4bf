import type { IncomingMessage, ServerResponse } from "node:http";
import type { Reply } from "../entra/http.js";
import type { FoundryRequest } from "./log.js";
import { refused } from "./refused.js";
import type { FoundryState } from "./state.js";

/** One request with what routing found out. */
export interface Exchange {
  readonly state: FoundryState;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly method: string;
  /** What the route's pattern found in the path. */
  readonly path: Readonly<Record<string, string>>;
  readonly entry: FoundryRequest;
  /** Aborted when the client is gone. */
  readonly gone: AbortSignal;
}

/** "written": the handler has answered itself. "reset": cut the connection. */
export type Handled = Reply | "written" | "reset";

const maxBodyBytes = 4_194_304;

/** The bytes of a request. Throws a refusal when they are too many. */
export async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > maxBodyBytes) throw refused("body_too_large");
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** A JSON object, or a refusal. */
export function objectOf(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    value = undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refused("body_invalid");
  return value as Record<string, unknown>;
}

/** The one value of a header; `undefined` when it is absent. Repeated ones are given to `repeated`. */
export function headerOf(request: IncomingMessage, name: string, repeated: () => never): string | undefined {
  const values = request.headersDistinct[name];
  if (values === undefined) return undefined;
  return values.length === 1 ? values[0] : repeated();
}

export function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
