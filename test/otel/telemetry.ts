import {
  context,
  isSpanContextValid,
  metrics,
  propagation,
  trace,
  TraceFlags,
  type TextMapPropagator,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from "@opentelemetry/sdk-trace-base";

/** What an application registers, and what it then has in hand. */
export interface Telemetry {
  /** Finished spans, oldest first. */
  spans(name?: string): ReadableSpan[];
  /** Every data point of a metric, or of all. */
  points(metric?: string): Promise<Point[]>;
  /** All that left the process, as text. */
  everything(): Promise<string>;
  stop(): Promise<void>;
}

export interface Point {
  readonly metric: string;
  readonly unit: string;
  readonly attributes: Record<string, unknown>;
  readonly value: unknown;
}

/** The OpenTelemetry SDK in memory, registered for the whole process until `stop()`. */
export function registerTelemetry(): Telemetry {
  const spanExporter = new InMemorySpanExporter();
  const tracers = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spanExporter)] });
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 3_600_000,
  });
  const meters = new MeterProvider({ readers: [reader] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(traceContext);
  trace.setGlobalTracerProvider(tracers);
  metrics.setGlobalMeterProvider(meters);

  const points = async (metric?: string): Promise<Point[]> => {
    metricExporter.reset();
    await meters.forceFlush();
    const all = metricExporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    return all
      .flatMap(({ descriptor: { name, unit }, dataPoints }) =>
        dataPoints.map(({ attributes, value }) => ({
          metric: name,
          unit,
          attributes: { ...attributes },
          value,
        })),
      )
      .filter((point) => metric === undefined || point.metric === metric);
  };
  const spans = (name?: string): ReadableSpan[] =>
    spanExporter.getFinishedSpans().filter((span) => name === undefined || span.name === name);

  return {
    spans,
    points,
    async everything() {
      const told = spans().map(({ name, attributes, status, events, links, kind }) => ({
        name,
        attributes,
        status,
        events,
        links,
        kind,
      }));
      return JSON.stringify([told, await points()]);
    },
    async stop() {
      trace.disable();
      metrics.disable();
      propagation.disable();
      context.disable();
      await Promise.all([tracers.shutdown(), meters.shutdown()]);
    },
  };
}

/** W3C Trace Context, as far as two headers need it: the real one is in a package that is not installed here. */
const traceContext: TextMapPropagator = {
  inject(active, carrier, setter) {
    const known = trace.getSpanContext(active);
    if (known === undefined || !isSpanContextValid(known)) return;
    const flags = known.traceFlags.toString(16).padStart(2, "0");
    setter.set(carrier, "traceparent", `00-${known.traceId}-${known.spanId}-${flags}`);
    if (known.traceState !== undefined) setter.set(carrier, "tracestate", known.traceState.serialize());
  },
  extract(active, carrier, getter) {
    const value = getter.get(carrier, "traceparent");
    const match = /^00-([\da-f]{32})-([\da-f]{16})-[\da-f]{2}$/.exec(String(value));
    const [, traceId = "", spanId = ""] = match ?? [];
    if (match === null) return active;
    return trace.setSpanContext(active, { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true });
  },
  fields: () => ["traceparent", "tracestate"],
};
