import { tryGetUserContext } from "../context/ambient.js";
import type { FetchLike } from "../context/fetch-like.js";
import type { UserContext } from "../context/user-context.js";
import { watched, type OnEvent, type TraceHeaders } from "../errors.js";
import type { ProtectedResource } from "../tokens/protected-resource.js";
import { readHeader } from "./request-headers.js";

/** What is said of the requests of one access. */
export interface WatchedFetch {
  readonly resource: ProtectedResource;
  readonly onEvent: OnEvent | undefined;
  /** A context to use instead of the current one. */
  readonly context: UserContext | undefined;
}

/**
 * The `fetch` with a listener around each request. Without a listener for steps it is the very same function.
 * Of the URL only the resource's own host is said: paths and queries may name people.
 */
export function watchedFetch(
  fetch: FetchLike,
  { resource, onEvent, context: bound }: WatchedFetch,
): FetchLike {
  if (onEvent?.around === undefined) return fetch;
  const { hostname, port, protocol } = new URL(resource.url);
  const defaultPort = protocol === "http:" ? 80 : 443;
  const where = {
    step: "mcp_request",
    serverLabel: resource.serverLabel,
    address: hostname,
    port: port === "" ? defaultPort : Number(port),
  } as const;
  return (input, init) => {
    const context = bound ?? tryGetUserContext();
    const method = (init?.method ?? (input instanceof Request ? input.method : "GET")).toUpperCase();
    const step = { ...where, method, principal: context?.principalKey, trace: context?.trace ?? {} };
    return watched(
      onEvent,
      step,
      (headers) => fetch(input, headers === undefined ? init : withTrace(input, init, headers)),
      ({ status }) => ({ status }),
    );
  };
}

/** Trace context that the caller has set stays; a part of each would be nobody's. */
function withTrace(
  input: string | URL | Request,
  init: RequestInit | undefined,
  { traceparent, tracestate }: TraceHeaders,
): RequestInit | undefined {
  const given = init?.headers ?? (input instanceof Request ? input.headers : undefined);
  if (readHeader(given, "traceparent") !== undefined || !isTraceparent(traceparent)) return init;
  const headers = new Headers(given);
  headers.set("traceparent", traceparent);
  headers.delete("tracestate");
  if (tracestate !== undefined && /^[ -~]{1,512}$/.test(tracestate)) headers.set("tracestate", tracestate);
  return { ...init, headers: Object.fromEntries(headers) };
}

/** Source: W3C Trace Context, section 3.2. */
function isTraceparent(value: string): boolean {
  return /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/.test(value);
}
