import { createHmac, createSecretKey } from "node:crypto";
import {
  context,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type MeterProvider,
  type Span,
  type Tracer,
  type TracerProvider,
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type Context,
} from "@opentelemetry/api";
import { isFetchInstrumented } from "../access/instrumented-fetch.js";
import { emit, type IdentityEvent, type OnEvent } from "../events/events.js";
import type { AroundStep, IdentityStep, StepEnd, TraceHeaders } from "../events/steps.js";
import { packageVersion } from "../foundry/version.js";
import { check, func, made, optional } from "../options/checks.js";
import { readOptions, type OptionTable } from "../options/option-table.js";
import { meters, type Meters } from "./meters.js";
import { attributes, spans } from "./names.js";
import { endAttributes, isTrouble, spanAttributes, startAttributes } from "./step-attributes.js";

/** Where telemetry goes, and whether it names users. */
export interface OpenTelemetryOptions {
  /** Default: what the application has registered with `@opentelemetry/api`, also later. */
  readonly tracerProvider?: TracerProvider;
  /** Default: what the application has registered with `@opentelemetry/api`, also later. */
  readonly meterProvider?: MeterProvider;
  /**
   * Puts a pseudonym of the user on spans, so that you can find one user's requests without knowing who it is:
   * HMAC-SHA-256 of the principal with this key of at least 16 bytes. With the key, a guess can be checked. Default:
   * spans do not name the user.
   */
  readonly principalKey?: string | Uint8Array;
  /** Gets every event as well. */
  readonly onEvent?: (event: IdentityEvent) => void;
}

/**
 * Spans and metrics for OpenTelemetry. Pass what it returns as `onEvent` to everything that takes one: the verifier,
 * the Entra app, accesses, toolboxes, pools and sign-in. Each step becomes a span and a duration, each event a
 * count. No token, link, person, conversation, URL path or text of an error is among them; the guide
 * Observability lists every name.
 *
 * Needs the optional package `@opentelemetry/api` 1.9. Throws `invalid_option` for a short key.
 *
 * Entry point: `hosted-agent-identity/otel`.
 * Source: OpenTelemetry semantic conventions 1.37, HTTP and general attributes.
 *
 * @example
 * ```ts
 * import { onBehalfOf, userAccess, userTokenVerifier, type EntraApp, type ProtectedResource } from "hosted-agent-identity";
 * import { openTelemetry } from "hosted-agent-identity/otel";
 *
 * const onEvent = openTelemetry();
 *
 * export const watched = (app: EntraApp, server: ProtectedResource) => ({
 *   verify: userTokenVerifier({ app, onEvent }),
 *   contacts: userAccess(server, [onBehalfOf(app)], { onEvent }),
 * });
 * ```
 * @group Events
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): OnEvent {
  const settings = readOptions("openTelemetry", openTelemetryOptions, options);
  const pseudonym = pseudonyms(settings.principalKey);
  const numbers = meters(settings.meterProvider);
  const tracer = (): Tracer =>
    (settings.tracerProvider ?? trace).getTracer("hosted-agent-identity", packageVersion);

  const around: AroundStep = async (step, run) => {
    const parent = parentOf(step);
    const started = startAttributes(step);
    const kind = step.step === "mcp_request" ? SpanKind.CLIENT : SpanKind.INTERNAL;
    const named = { ...started, ...pseudonym(step) };
    const span = tracer().startSpan(spans[step.step], { kind, attributes: named }, parent);
    const active = trace.setSpan(parent, span);
    const headers = step.step === "mcp_request" ? traceHeadersOf(active) : undefined;
    const end = await context.with(active, () => run(headers));
    const ended = endAttributes(end);
    finish(span, end, ended);
    numbers.took(step, end.durationMs, { ...started, ...ended });
  };

  /** An application that has the API without an SDK, or has not registered it yet, pays nothing for the steps. */
  const isIdle = (): boolean =>
    settings.tracerProvider === undefined &&
    ((settings.meterProvider === undefined && isNothingRegistered()) ||
      (isUnregistered(trace.getTracerProvider()) && numbers.isIdle() && propagation.fields().length === 0));

  return Object.freeze(Object.assign(listenerOf(numbers, settings.onEvent), { around, isIdle }));
}

const registered = Symbol.for("opentelemetry.js.api.1");

/**
 * Whether nothing at all is registered with any copy of the API 1.x: what it is asked for is looked up there.
 * Source: @opentelemetry/api 1.9, internal/global-utils.
 */
function isNothingRegistered(): boolean {
  return (globalThis as { readonly [registered]?: unknown })[registered] === undefined;
}

/** The API's own stand-in, which no SDK has taken over. */
function isUnregistered(provider: TracerProvider): boolean {
  return (
    provider instanceof ProxyTracerProvider &&
    provider.getDelegateTracer("hosted-agent-identity", packageVersion) === undefined
  );
}

/** The options of {@link openTelemetry}. */
export const openTelemetryOptions: OptionTable<OpenTelemetryOptions> = {
  tracerProvider: optional(made<TracerProvider>("a tracer provider", { getTracer: "function" })),
  meterProvider: optional(made<MeterProvider>("a meter provider", { getMeter: "function" })),
  principalKey: optional(
    check<string | Uint8Array>(
      "mixed",
      "a key of at least 16 bytes",
      (key: string | Uint8Array) =>
        (typeof key === "string" || key instanceof Uint8Array) && Buffer.byteLength(key) >= 16,
    ),
  ),
  onEvent: optional(func<(event: IdentityEvent) => void>()),
};

function listenerOf(
  numbers: Meters,
  onEvent: OpenTelemetryOptions["onEvent"],
): (event: IdentityEvent) => void {
  return (event) => {
    emit(onEvent, event);
    numbers.count(event);
  };
}

/** Records neither message nor stack of an error, because they may quote text from outside. */
function finish(span: Span, end: StepEnd, ended: ReturnType<typeof endAttributes>): void {
  span.setAttributes({ ...ended, ...spanAttributes(end) });
  if (isTrouble(end)) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** The pseudonym of a step's user, as attributes; none without a key. */
function pseudonyms(key: string | Uint8Array | undefined): (step: IdentityStep) => Attributes {
  if (key === undefined) return () => ({});
  // Bytes would cost an error inside Node.js 24 for each step.
  const secret = createSecretKey(Buffer.from(key));
  return (step) => {
    if (step.step === "verify" || step.principal === undefined) return {};
    const name = createHmac("sha256", secret).update(step.principal).digest("base64url").slice(0, 22);
    return { [attributes.principal]: name };
  };
}

/**
 * What a step's span is a child of: the active span, or where the host starts none, the caller's own as the
 * headers of the request say it. Never the request's baggage: callers put what they like into that.
 */
function parentOf(step: IdentityStep): Context {
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
function traceHeadersOf(active: Context): TraceHeaders | undefined {
  if (isFetchInstrumented()) return undefined;
  const carrier: Record<string, string> = {};
  propagation.inject(active, carrier, defaultTextMapSetter);
  const { traceparent, tracestate } = carrier;
  if (traceparent === undefined) return undefined;
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
}
