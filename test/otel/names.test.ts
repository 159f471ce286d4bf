import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { IdentityEvent } from "hosted-agent-identity";
import { openTelemetry } from "hosted-agent-identity/otel";
import { eventTypes } from "../../src/otel/meters.js";
import { attributes, durations, eventCounter, spans } from "../../src/otel/names.js";
import { registerTelemetry, type Telemetry } from "./telemetry.js";
import { world, type World } from "./world.js";

const page = readFileSync(new URL("../../docs/guides/observability.md", import.meta.url), "utf8");

/** The first column of the first table under a heading. */
function firstColumn(heading: string): string[] {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
  return [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = ""]) => name);
}

describe("the page lists the names that the code has, and no other:", () => {
  it("spans", () => expect(firstColumn("Spans")).toEqual(Object.values(spans)));
  it("metrics", () =>
    expect(firstColumn("Metrics")).toEqual([
      ...Object.values(durations).map(({ name }) => name),
      eventCounter,
    ]));
  it("attributes", () => expect(firstColumn("Attributes").sort()).toEqual(Object.values(attributes).sort()));
  it("events", () => expect(firstColumn("Events")).toEqual(eventTypes));
  it("and the queries use no name that is not there", () => {
    const known = [
      ...Object.values(spans),
      ...Object.values(attributes),
      eventCounter,
      "hosted_agent_identity.",
    ];
    const used = [...page.matchAll(/"(hosted_agent_identity\.[^"]*)"/g)].map(([, name = ""]) => name);
    expect(used.length).toBeGreaterThan(10);
    expect(used.filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe("metrics", () => {
  let telemetry: Telemetry;
  let site: World;
  beforeEach(async () => {
    telemetry = registerTelemetry();
    site = await world();
  });
  afterEach(async () => {
    await site.close();
    await telemetry.stop();
  });

  it("count and time each step, in seconds", async () => {
    const agent = site.agent(openTelemetry());
    await agent.turn("Ada", async () => {
      for (let calls = 0; calls < 3; calls += 1) await agent.plain.fetch(agent.plain.url);
    });
    await agent.turn("Bob", () => agent.plain.fetch(agent.plain.url).catch(() => undefined));

    const counted = async (step: keyof typeof durations): Promise<unknown[]> =>
      (await telemetry.points(durations[step].name)).map(({ unit, attributes: all, value }) => {
        const { count, sum, min = -1 } = value as { count: number; sum: number; min?: number };
        expect([unit, min >= 0, sum < 60]).toEqual(["s", true, true]);
        return [count, all];
      });
    const port = Number(agent.plain.url.port);
    const request = {
      "hosted_agent_identity.server_label": "contacts",
      "http.request.method": "GET",
      "server.address": "127.0.0.1",
      "server.port": port,
    };
    const token = {
      "hosted_agent_identity.server_label": "contacts",
      "hosted_agent_identity.token.stepped_up": false,
    };
    const ok = { "hosted_agent_identity.outcome": "ok" };
    const consent = {
      "hosted_agent_identity.outcome": "consent",
      "error.type": "consent_required",
      "hosted_agent_identity.error.code": "consent_required",
    };
    const source = { "hosted_agent_identity.token.source": "on_behalf_of" };
    expect(await counted("verify")).toEqual([[2, ok]]);
    expect(await counted("acquire")).toEqual([
      [1, { ...token, ...ok, ...source, "hosted_agent_identity.token.cache": "exchange" }],
      [2, { ...token, ...ok, ...source, "hosted_agent_identity.token.cache": "hit" }],
      [1, { ...token, ...consent }],
    ]);
    expect(await counted("mcp_request")).toEqual([
      [3, { ...request, ...ok, "http.response.status_code": 200 }],
      [1, { ...request, ...consent }],
    ]);
    await agent.close();
  });

  it("count events, each with its own facts", async () => {
    const onEvent = openTelemetry();
    const events: IdentityEvent[] = [
      { type: "token_acquired", source: "on_behalf_of", serverLabel: "contacts", durationMs: 5 },
      { type: "back_off", scope: "tenant", forMs: 1000 },
      { type: "back_off", scope: "tenant", forMs: 2000 },
      {
        type: "shared_cache_failed",
        serverLabel: "contacts",
        call: "get",
        reason: "timeout",
        pausedForMs: 1,
      },
      { type: "wrong_user", expected: "somebody" },
    ];
    for (const event of events) onEvent(event);
    const told = (await telemetry.points(eventCounter)).map(({ unit, attributes: all, value }) => [
      unit,
      value,
      all,
    ]);
    expect(told).toEqual([
      [
        "{event}",
        1,
        {
          "hosted_agent_identity.event.name": "token_acquired",
          "hosted_agent_identity.server_label": "contacts",
          "hosted_agent_identity.token.source": "on_behalf_of",
        },
      ],
      [
        "{event}",
        2,
        { "hosted_agent_identity.event.name": "back_off", "hosted_agent_identity.event.reason": "tenant" },
      ],
      [
        "{event}",
        1,
        {
          "hosted_agent_identity.event.name": "shared_cache_failed",
          "hosted_agent_identity.server_label": "contacts",
          "hosted_agent_identity.event.call": "get",
          "hosted_agent_identity.event.reason": "timeout",
        },
      ],
      ["{event}", 1, { "hosted_agent_identity.event.name": "wrong_user" }],
    ]);
  });

  it("count an event that is not known yet by its name only", async () => {
    const onEvent = openTelemetry();
    (onEvent as (event: object) => void)({ type: "of_a_later_version", reason: "ada", oid: "ada" });
    expect((await telemetry.points(eventCounter)).map(({ attributes: all }) => all)).toEqual([
      { "hosted_agent_identity.event.name": "of_a_later_version" },
    ]);
  });
});
