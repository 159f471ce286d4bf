import {
  createNoopMeter,
  metrics,
  type Attributes,
  type Counter,
  type Histogram,
  type Meter,
  type MeterProvider,
} from "@opentelemetry/api";
import type { IdentityEvent } from "../events/events.js";
import type { IdentityStep } from "../events/steps.js";
import { packageVersion } from "../foundry/version.js";
import { durations, eventCounter, type DurationMetric, attributes } from "./names.js";

/** Where the numbers go. */
export interface Meters {
  count(event: IdentityEvent): void;
  took(step: IdentityStep, durationMs: number, attributes: Attributes): void;
  /** Whether no provider of meters was given or is registered. */
  isIdle(): boolean;
}

interface Instruments {
  readonly provider: MeterProvider;
  readonly areNoop: boolean;
  readonly events: Counter;
  readonly durations: Readonly<Record<IdentityStep["step"], Histogram>>;
}

/** Creates the instruments at first use, and again when the application registers a provider. */
export function meters(given: MeterProvider | undefined): Meters {
  let known: Instruments | undefined;
  const instruments = (): Instruments => {
    // Unlike tracers, instruments that were created before the SDK was registered record nothing.
    const provider = given ?? metrics.getMeterProvider();
    if (known?.provider !== provider) known = instrumentsOf(provider);
    return known;
  };
  return {
    count: (event) => instruments().events.add(1, eventAttributes(event)),
    took: (step, durationMs, attributes) =>
      instruments().durations[step.step].record(durationMs / 1000, attributes),
    isIdle: () => instruments().areNoop,
  };
}

function instrumentsOf(provider: MeterProvider): Instruments {
  const meter = provider.getMeter("hosted-agent-identity", packageVersion);
  return {
    provider,
    areNoop: meter === createNoopMeter(),
    events: meter.createCounter(eventCounter, { unit: "{event}", description: "Events, by their name." }),
    durations: {
      verify: histogram(meter, durations.verify, "How long verifying a user token took."),
      acquire: histogram(meter, durations.acquire, "How long a token was waited for, cached or not."),
      mcp_request: histogram(meter, durations.mcp_request, "Until an MCP server began to answer."),
    },
  };
}

function histogram(meter: Meter, { name, buckets }: DurationMetric, description: string): Histogram {
  const advice = { explicitBucketBoundaries: [...buckets] };
  return meter.createHistogram(name, { unit: "s", description, advice });
}

/** Fields whose values are fixed words of this package, or names that the developer chose. */
type Shown = "serverLabel" | "source" | "code" | "category" | "reason" | "scope" | "call" | "agent" | "from";

const attributeOf: Readonly<Record<Shown, string>> = {
  serverLabel: attributes.serverLabel,
  source: attributes.source,
  code: attributes.errorCode,
  category: attributes.outcome,
  reason: attributes.reason,
  scope: attributes.reason,
  call: attributes.call,
  agent: attributes.agent,
  from: attributes.reason,
};

/**
 * The fields of each event that become attributes. An allow list, so a new field stays out until it is listed here:
 * object ids, principals and the purposes of long-running work are not on it.
 */
const shown: Readonly<Record<IdentityEvent["type"], readonly Shown[]>> = {
  token_acquired: ["serverLabel", "source"],
  token_refused: ["serverLabel", "code", "category"],
  user_token_refused: ["code", "category"],
  background_refresh_failed: ["serverLabel", "code"],
  wrong_user: [],
  back_off: ["scope"],
  shared_cache_failed: ["serverLabel", "call", "reason"],
  shared_cache_recovered: ["serverLabel", "call"],
  shared_cache_unreadable: ["serverLabel"],
  mcp_client_closed: ["reason"],
  mcp_client_close_failed: ["reason"],
  standalone_stream_refused: ["serverLabel"],
  server_request_declined: ["serverLabel", "reason"],
  consent_link_refused: ["from"],
  run_event_dropped: [],
  grant_stored: ["reason"],
  grant_ended: ["reason"],
  grant_at_risk: [],
  audit_failed: ["reason"],
  encryption_keys_failed: ["code"],
  long_running_started: [],
  long_running_used: [],
  long_running_ended: [],
  sign_in_refused: ["reason"],
  sign_in_failed: ["code"],
  agent_token_issued: ["agent", "serverLabel"],
  agent_named_user: ["agent"],
  agent_signed_out_user: ["agent"],
  agent_refused: ["agent", "call", "code", "category"],
  sign_in_service_failed: ["call", "code"],
  sign_in_store_volatile: [],
  stream_part_skipped: [],
};

/** All types of events. */
export const eventTypes: readonly string[] = Object.keys(shown);

/** The attributes that an event is counted with. */
function eventAttributes(event: IdentityEvent): Attributes {
  const values: Attributes = { [attributes.event]: event.type };
  for (const field of shown[event.type] ?? []) {
    const value = (event as Partial<Record<Shown, string>>)[field];
    if (typeof value === "string") values[attributeOf[field]] = value;
  }
  return values;
}
