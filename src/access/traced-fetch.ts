import { tryGetUserContext } from "../context/ambient.js";
import type { FetchLike } from "../runtime/fetch-like.js";
import type { UserContext } from "../context/user-context.js";
import { traced, type TraceHeaders } from "../events/steps.js";
import { type OnEvent } from "../events/events.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import type { SendAsUser } from "./fetch.js";
import { outgoingRequest, type OutgoingInit } from "./outgoing-request.js";

/** What events say about the requests of one access. */
export interface TracedFetch {
  readonly resource: ProtectedResource;
  readonly onEvent: OnEvent | undefined;
  /** A context to use instead of the current one. */
  readonly context: UserContext | undefined;
}

/**
 * The `fetch` of an access: reads each request once, and sends it with a listener around it. Without a listener for
 * steps it only sends. Events name only the resource's host: paths and queries may name people.
 */
export function tracedFetch(send: SendAsUser, { resource, onEvent, context: bound }: TracedFetch): FetchLike {
  const around = onEvent?.around === undefined ? undefined : onEvent;
  const { hostname, port, protocol } = new URL(resource.url);
  const defaultPort = protocol === "http:" ? 80 : 443;
  const where = {
    step: "mcp_request",
    serverLabel: resource.serverLabel,
    address: hostname,
    port: port === "" ? defaultPort : Number(port),
  } as const;
  return (input, given) => {
    let request;
    try {
      request = outgoingRequest(input, given);
    } catch (error) {
      return Promise.reject(error);
    }
    if (around === undefined) return send(request);
    const { href, init } = request;
    const context = bound ?? tryGetUserContext();
    const step = {
      ...where,
      method: init.method,
      principal: context?.principalKey,
      trace: context?.trace ?? {},
    };
    return traced(
      around,
      step,
      (headers) => send(headers === undefined ? request : { href, init: withTrace(init, headers) }),
      ({ status }) => ({ status }),
    );
  };
}

/** Keeps the caller's `traceparent`, and never mixes it with a `tracestate` of ours. */
function withTrace(init: OutgoingInit, { traceparent, tracestate }: TraceHeaders): OutgoingInit {
  if (init.headers["traceparent"] !== undefined || !isTraceparent(traceparent)) return init;
  const { tracestate: _replaced, ...headers } = init.headers;
  const isState = tracestate !== undefined && /^[ -~]{1,512}$/.test(tracestate);
  return { ...init, headers: { ...headers, traceparent, ...(isState ? { tracestate } : {}) } };
}

/** Source: W3C Trace Context, section 3.2. */
function isTraceparent(value: string): boolean {
  return /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/.test(value);
}
