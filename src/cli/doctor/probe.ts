import { withDeadline } from "../../async/deadline.js";
import { parseJson } from "../../input/json-limits.js";

/** What a server answered to one request of a check. */
export interface Probed {
  readonly status: number;
  readonly headers: Headers;
  /** At most 64 KiB of the body. */
  readonly text: string;
}

/** No answer, in words that hold nothing of the request. */
export class Unreachable extends Error {}

const maxBytes = 65_536;

/** One request without a token and without following redirects. Throws {@link Unreachable}. */
export async function probe(
  url: string,
  init: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string },
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Probed> {
  const late = (): Error => new Unreachable(`no answer within ${timeoutMs / 1000} s`);
  return withDeadline(timeoutMs, signal, late, async (ending) => {
    try {
      const response = await fetch(url, { ...init, redirect: "manual", signal: ending });
      return { status: response.status, headers: response.headers, text: await firstBytes(response) };
    } catch (cause) {
      throw ending.aborted ? cause : new Unreachable(reasonOf(cause));
    }
  });
}

async function firstBytes(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes >= maxBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxBytes).toString("utf8");
}

function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const code = typeof inner === "object" && inner !== null && "code" in inner ? inner.code : undefined;
  return typeof code === "string" ? code : "no connection";
}

/** A JSON object, or `undefined`. */
export function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = parseJson(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
