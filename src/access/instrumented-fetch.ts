import { hasSubscribers } from "node:diagnostics_channel";

/**
 * Whether something listens to requests of the global `fetch`, as OpenTelemetry's instrumentation does. That
 * one appends its own trace context without looking, and servers take two for none: then ours stays away.
 * Source: opentelemetry-js-contrib, issues 2796 and 3711.
 */
export function isFetchInstrumented(): boolean {
  return hasSubscribers("undici:request:create");
}
