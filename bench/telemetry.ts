import { context, metrics, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { onBehalfOf, userAccess, type OnEvent, type UserAccess } from "hosted-agent-identity";
import { openTelemetry } from "hosted-agent-identity/otel";
import { cpuOf } from "./cpu.js";
import { networkTo } from "./network.js";
import { app, call, noTransport, resource, withoutNetwork } from "./ours.js";
import { contextOf, person } from "./people.js";
import { interleaved, median, medians, timesMore } from "./statistics.js";
import type { Row } from "./table.js";

const rounds = 15;
const calls = 2_000;
const warmUps = 5;
/** How many empty spans a call with an SDK may cost more: it makes one, with ten attributes, and records a duration. */
const spansMore = 6.5;

/**
 * What a call with a cached token costs where `@opentelemetry/api` is installed and no SDK is registered, and then with
 * an SDK.
 */
export async function telemetry(): Promise<readonly Row[]> {
  const source = withoutNetwork(onBehalfOf(app(networkTo("http://127.0.0.1:1"))));
  const accessWith = (onEvent: OnEvent | undefined): UserAccess =>
    userAccess(resource, [source], { fetch: noTransport, ...(onEvent === undefined ? {} : { onEvent }) });
  const user = contextOf(person(1));
  const cpu = (contacts: UserAccess) => () => cpuOf(calls, () => call(contacts, user));
  const subjects = { off: cpu(accessWith(undefined)), idle: cpu(accessWith(openTelemetry())) };
  for (let warmed = 0; warmed < warmUps; warmed += 1)
    for (const subject of Object.values(subjects)) await subject();
  const taken = await interleaved(rounds, subjects);
  const { off, idle } = medians(taken);

  registerSdk();
  const tracer = trace.getTracer("bench");
  const attributes = { "server.address": "contacts.example.com", "server.port": 443, a: "x", b: "y" };
  const withSdk = {
    off: subjects.off,
    on: cpu(accessWith(openTelemetry())),
    span: () => cpuOf(calls, () => tracer.startSpan("empty", { attributes }).end()),
  };
  for (let warmed = 0; warmed < warmUps; warmed += 1)
    for (const subject of Object.values(withSdk)) await subject();
  const sdk = await interleaved(rounds, withSdk);
  const more = sdk.on.map((on, round) => (on - (sdk.off[round] ?? 0)) / (sdk.span[round] ?? Number.NaN));
  const { off: offBeside, on, span } = medians(sdk);
  return [
    {
      what: "cached call with openTelemetry() and no SDK, over none",
      unit: "times the CPU",
      budget: 1.1,
      ours: timesMore(taken.idle, taken.off),
      note: `CPU a call, of interleaved rounds: ${(idle * 1000).toFixed(2)} µs, without a listener ${(off * 1000).toFixed(2)} µs.`,
    },
    {
      what: "cached call with openTelemetry() and an SDK, more than without",
      unit: "empty spans",
      budget: spansMore,
      goal: 2,
      ours: median(more),
      note: `CPU a call: ${micro(on)}, without a listener ${micro(offBeside)}; an empty span with four attributes ${micro(span)}. The SDK keeps spans in batches, and metrics.`,
    },
  ];
}

/** An SDK as an application registers it, whose exporter drops what it gets. */
function registerSdk(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const exporter = {
    export: (_spans: unknown, done: (result: { code: number }) => void) => done({ code: 0 }),
    shutdown: async () => {},
  };
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] }),
  );
  metrics.setGlobalMeterProvider(new MeterProvider());
}

function micro(milliseconds: number): string {
  return `${(milliseconds * 1000).toFixed(2)} µs`;
}
