import type { IdentityStep } from "../events/steps.js";

/**
 * Every name that leaves through OpenTelemetry, in one table: docs/guides/observability.md shows the same one.
 * Names without our prefix are OpenTelemetry's semantic conventions.
 */
export const attributes = {
  outcome: "hosted_agent_identity.outcome",
  errorType: "error.type",
  /** The same once more: exporters drop or rename what the conventions name, Application Insights' drops it. */
  errorCode: "hosted_agent_identity.error.code",
  serverLabel: "hosted_agent_identity.server_label",
  source: "hosted_agent_identity.token.source",
  cache: "hosted_agent_identity.token.cache",
  steppedUp: "hosted_agent_identity.token.stepped_up",
  entraErrorCodes: "hosted_agent_identity.entra.error_codes",
  entraCorrelationId: "hosted_agent_identity.entra.correlation_id",
  method: "http.request.method",
  status: "http.response.status_code",
  address: "server.address",
  port: "server.port",
  principal: "enduser.pseudo.id",
  event: "hosted_agent_identity.event.name",
  reason: "hosted_agent_identity.event.reason",
  call: "hosted_agent_identity.event.call",
  agent: "hosted_agent_identity.event.agent",
} as const;

/** The span of each step. */
export const spans: Readonly<Record<IdentityStep["step"], `hosted_agent_identity.${string}`>> = {
  verify: "hosted_agent_identity.verify",
  acquire: "hosted_agent_identity.acquire",
  mcp_request: "hosted_agent_identity.mcp_request",
};

/** A histogram of how long something took, in seconds, and the upper edges of its buckets. */
export interface DurationMetric {
  readonly name: `hosted_agent_identity.${string}.duration`;
  readonly buckets: readonly number[];
}

/** From a cached token, some microseconds, to a person's patience. */
const local: readonly number[] = [0.0001, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** OpenTelemetry's own for HTTP. */
const http: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** The histogram of each step. */
export const durations: Readonly<Record<IdentityStep["step"], DurationMetric>> = {
  verify: { name: "hosted_agent_identity.verify.duration", buckets: local },
  acquire: { name: "hosted_agent_identity.acquire.duration", buckets: local },
  mcp_request: { name: "hosted_agent_identity.mcp_request.duration", buckets: http },
};

/** The counter of events. */
export const eventCounter = "hosted_agent_identity.events";
