import {
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
import { eventAttributes } from "./event-attributes.js";
import { durations, eventCounter, type DurationMetric } from "./names.js";

/** Where the numbers go. */
export interface Meters {
  count(event: IdentityEvent): void;
  took(step: IdentityStep, durationMs: number, attributes: Attributes): void;
}

interface Instruments {
  readonly provider: MeterProvider;
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
  };
}

function instrumentsOf(provider: MeterProvider): Instruments {
  const meter = provider.getMeter("hosted-agent-identity", packageVersion);
  return {
    provider,
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
