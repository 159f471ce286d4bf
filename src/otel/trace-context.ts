import {
  context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
  ROOT_CONTEXT,
  trace,
  type Context,
} from "@opentelemetry/api";
import { isFetchInstrumented } from "../access/instrumented-fetch.js";
import type { IdentityStep, TraceHeaders } from "../events/steps.js";

/**
 * What a step's span is a child of: the active span, or where the host starts none, the caller's own as the
 * headers of the request say it. Never the request's baggage: callers put what they like into that.
 */
export function parentOf(step: IdentityStep): Context {
  const active = context.active();
  if (step.step === "verify" || trace.getSpan(active) !== undefined) return active;
  const { traceparent, tracestate } = step.trace;
  if (traceparent === undefined) return active;
  const carrier = tracestate === undefined ? { traceparent } : { traceparent, tracestate };
  const remote = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter));
  return remote === undefined ? active : trace.setSpanContext(active, remote);
}

/**
 * The trace context that a request is to carry, as the application's propagator writes it. `undefined` where an
 * instrumentation of `fetch` will write its own.
 */
export function traceHeadersOf(active: Context): TraceHeaders | undefined {
  if (isFetchInstrumented()) return undefined;
  const carrier: Record<string, string> = {};
  propagation.inject(active, carrier, defaultTextMapSetter);
  const { traceparent, tracestate } = carrier;
  if (traceparent === undefined) return undefined;
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
}
