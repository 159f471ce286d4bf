import { onBehalfOf, userAccess, type OnEvent, type UserAccess } from "hosted-agent-identity";
import { openTelemetry } from "hosted-agent-identity/otel";
import { networkTo } from "./network.js";
import { app, call, noTransport, resource, withoutNetwork } from "./ours.js";
import { contextOf, person } from "./people.js";
import { interleaved, medians, timesMore } from "./statistics.js";
import type { Row } from "./table.js";

const rounds = 15;
const calls = 5_000;

/** What a call with a cached token costs where `@opentelemetry/api` is installed and no SDK is registered. */
export async function telemetry(): Promise<readonly Row[]> {
  const source = withoutNetwork(onBehalfOf(app(networkTo("http://127.0.0.1:1"))));
  const accessWith = (onEvent: OnEvent | undefined): UserAccess =>
    userAccess(resource, [source], { fetch: noTransport, ...(onEvent === undefined ? {} : { onEvent }) });
  const context = contextOf(person(1));
  const cpu = (contacts: UserAccess) => async (): Promise<number> => {
    const before = process.cpuUsage();
    for (let made = 0; made < calls; made += 1) await call(contacts, context);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000 / calls;
  };
  const subjects = { off: cpu(accessWith(undefined)), idle: cpu(accessWith(openTelemetry())) };
  for (const subject of Object.values(subjects)) await subject();
  const taken = await interleaved(rounds, subjects);
  const { off, idle } = medians(taken);
  return [
    {
      what: "cached call with openTelemetry() and no SDK, over none",
      unit: "times the CPU",
      budget: 1.1,
      ours: timesMore(taken.idle, taken.off),
      note: `CPU a call, of interleaved rounds: ${(idle * 1000).toFixed(2)} µs, without a listener ${(off * 1000).toFixed(2)} µs.`,
    },
  ];
}
