import type { RequestHeaders } from "./types.js";

/** The value of a header in any of the forms `fetch` takes; `name` in lower case. */
export function readHeader(headers: RequestHeaders | undefined, name: string): string | undefined {
  if (headers === undefined) return undefined;
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  if (Array.isArray(headers)) return headers.find(([key]) => key?.toLowerCase() === name)?.[1];
  const plain = headers as Record<string, string>;
  for (const key in plain) {
    if (key.length === name.length && key.toLowerCase() === name) return plain[key];
  }
  return undefined;
}

/**
 * The headers with our `Authorization`, whatever stood there before. A plain object: `Headers` would read
 * the whole token once more, which costs more than everything else on the way to the network.
 */
export function withAuthorization(
  headers: RequestHeaders | undefined,
  token: string,
): Record<string, string> {
  const copy: Record<string, string> = { authorization: `Bearer ${token}` };
  if (headers === undefined) return copy;
  if (headers instanceof Headers || Array.isArray(headers)) {
    const given = headers instanceof Headers ? headers : new Headers(headers);
    given.forEach((value, name) => {
      if (name !== "authorization") copy[name] = value;
    });
    return copy;
  }
  const plain = headers as Record<string, string>;
  for (const key in plain) {
    if (key.length !== 13 || key.toLowerCase() !== "authorization") copy[key] = plain[key] as string;
  }
  return copy;
}
