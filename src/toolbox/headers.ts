import { isFetchInstrumented } from "../access/instrumented-fetch.js";
import type { RequestHeaders } from "../access/types.js";
import type { UserContext } from "../context/user-context.js";
import { isIdentityHeader, platformHeaders, toolboxFeature } from "../foundry/headers.js";
import type { ToolboxCaller } from "./caller.js";

/**
 * The headers of one request to a toolbox: those of the caller's request without anything that says who is
 * asking, then the call id and the trace of the current request. A call id that stands on a client belongs to
 * whoever the client was made for, so it never goes through.
 */
export function toolboxRequestHeaders(
  given: RequestHeaders | undefined,
  context: UserContext,
  caller: ToolboxCaller,
): Record<string, string> {
  const headers: Record<string, string> = {};
  new Headers(given).forEach((value, name) => {
    if (!isIdentityHeader(name)) headers[name] = value;
  });
  // Trace context is one thing: it comes whole from the caller, or from our request, or from instrumentation.
  const isTraced = headers["traceparent"] !== undefined || isFetchInstrumented();
  for (const [name, value] of Object.entries(context.trace)) {
    if (!isTraced || !traceContext.has(name)) headers[name] ??= value;
  }
  headers[toolboxFeature.header] = withFlag(headers[toolboxFeature.header]);
  if (caller.kind === "call") headers[platformHeaders.callId] = caller.callId;
  return headers;
}

/** What instrumentations write. Source: W3C Trace Context and Baggage. */
const traceContext: ReadonlySet<string> = new Set(["traceparent", "tracestate", "baggage"]);

/** The feature header with the toolbox's flag; whoever uses other previews may add theirs. */
function withFlag(given: string | undefined): string {
  const flags = (given ?? "").split(",").map((flag) => flag.trim());
  const others = flags.filter((flag) => flag !== "" && flag !== toolboxFeature.flag);
  return [toolboxFeature.flag, ...others].join(",");
}
