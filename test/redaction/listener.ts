/**
 * Loaded after the recorder, before everything else: whatever of this package takes options gets a listener, as if
 * each had been given `openTelemetry()`. Options without an `onEvent` of their own inherit it.
 */
import { BasicTracerProvider, type ReadableSpan, type SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { openTelemetry } from "hosted-agent-identity/otel";
import { shown } from "./recorder.js";

const onEnd = ({ name, kind, attributes, events, links, status }: ReadableSpan): void =>
  shown("span", JSON.stringify({ name, kind, attributes, events, links, status }));
const done = async (): Promise<void> => {};
const processor: SpanProcessor = { onStart: () => {}, onEnd, forceFlush: done, shutdown: done };
const listener = openTelemetry({
  tracerProvider: new BasicTracerProvider({ spanProcessors: [processor] }),
  onEvent: (event) => shown("event", JSON.stringify(event)),
});
// Every object, so that no factory is missed, whoever makes its options.
// oxlint-disable-next-line no-extend-native
Object.defineProperty(Object.prototype, "onEvent", {
  get: () => listener,
  set(this: object, value: unknown) {
    Object.defineProperty(this, "onEvent", { value, configurable: true, enumerable: true, writable: true });
  },
  configurable: true,
});
