import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { trace } from "@opentelemetry/api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { foundryToolbox, runWithUserContext, type UserAccess } from "hosted-agent-identity";
import { openTelemetry } from "hosted-agent-identity/otel";
import { startToolbox } from "../support/toolbox-server.js";
import { callContext, countingCredential, hostedEnvironment } from "../support/toolbox-users.js";
import { registerTelemetry, type Telemetry } from "./telemetry.js";
import { world, type World } from "./world.js";

const incoming = {
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  baggage: "user=ada",
};

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

const get = (access: UserAccess, init?: RequestInit): Promise<Response> => access.fetch(access.url, init);
const traceparentOfSpan = (at: number): string => {
  const { traceId, spanId } = telemetry.spans("hosted_agent_identity.mcp_request")[at]?.spanContext() ?? {};
  return `00-${traceId}-${spanId}-01`;
};

describe("a request to an MCP server", () => {
  it("continues the trace of the request that is answered, where the host starts no span", async () => {
    const agent = site.agent(openTelemetry());
    await agent.turn("Ada", () => get(agent.plain), incoming);
    expect(site.seen[0]?.["traceparent"]).toEqual([traceparentOfSpan(0)]);
    expect(traceparentOfSpan(0)).toContain("0af7651916cd43dd8448eb211c80319c");
    expect(telemetry.spans("hosted_agent_identity.mcp_request")[0]?.parentSpanContext?.spanId).toBe(
      "b7ad6b7169203331",
    );
    expect(site.seen[0]).not.toHaveProperty("baggage");
    await agent.close();
  });

  it("is in the host's trace, where the host starts a span", async () => {
    const agent = site.agent(openTelemetry());
    await trace.getTracer("host").startActiveSpan("turn", async (turn) => {
      await agent.turn("Ada", () => get(agent.plain), incoming);
      turn.end();
      expect(site.seen[0]?.["traceparent"]?.[0]).toContain(turn.spanContext().traceId);
    });
    await agent.close();
  });

  it.each<[string, RequestInit["headers"]]>([
    ["a plain object", { Traceparent: "00-own", "x-other": "kept" }],
    ["Headers", new Headers({ traceparent: "00-own", "x-other": "kept" })],
    [
      "pairs",
      [
        ["traceparent", "00-own"],
        ["x-other", "kept"],
      ],
    ],
  ])("keeps the trace context that the caller has set in %s", async (_form, headers) => {
    const agent = site.agent(openTelemetry());
    await agent.turn("Ada", () => get(agent.plain, { headers }), incoming);
    expect(site.seen[0]).toMatchObject({ traceparent: ["00-own"], "x-other": ["kept"] });
    await agent.close();
  });

  it("keeps what else stands on a Request", async () => {
    const agent = site.agent(openTelemetry());
    const request = new Request(agent.plain.url, {
      method: "POST",
      body: "{}",
      headers: { "x-other": "kept" },
    });
    await agent.turn("Ada", () => agent.plain.fetch(request));
    expect(site.seen[0]).toMatchObject({ traceparent: [traceparentOfSpan(0)], "x-other": ["kept"] });
    await agent.close();
  });

  it("has no trace context without a listener for steps", async () => {
    const agent = site.agent(() => undefined);
    await agent.turn("Ada", () => get(agent.plain), incoming);
    expect(site.seen[0]).not.toHaveProperty("traceparent");
    await agent.close();
  });

  it("takes no header from a listener that is none of trace context", async () => {
    const authorization = "Bearer somebody-else";
    const headers = { traceparent: "00-\r\nx", tracestate: "a=b", authorization };
    const agent = site.agent(
      Object.assign(() => undefined, {
        around: (_: unknown, run: (given: typeof headers) => unknown) => void run(headers),
      }),
    );
    await agent.turn("Ada", () => get(agent.plain));
    expect(site.seen[0]).not.toHaveProperty("traceparent");
    expect(site.seen[0]).not.toHaveProperty("tracestate");
    expect(site.seen[0]?.["authorization"]).not.toContain(authorization);
    await agent.close();
  });
});

describe("beside an instrumentation of fetch that appends without looking", () => {
  const appended = "00-11111111111111111111111111111111-2222222222222222-01";
  const append = (message: unknown): void =>
    (message as { request: { addHeader(name: string, value: string): void } }).request.addHeader(
      "traceparent",
      appended,
    );
  beforeEach(() => subscribe("undici:request:create", append));
  afterEach(() => void unsubscribe("undici:request:create", append));

  it("a request to an MCP server carries one trace context", async () => {
    const agent = site.agent(openTelemetry());
    await agent.turn("Ada", () => get(agent.plain), incoming);
    expect(site.seen[0]?.["traceparent"]).toEqual([appended]);
    await agent.close();
  });

  it.each([true, false])(
    "a request to a toolbox carries one trace context (with spans: %s)",
    async (spans) => {
      expect(await toolboxHeaders(spans)).toMatchObject({ traceparent: appended });
    },
  );
});

it("a request to a toolbox carries one trace context: its span's", async () => {
  expect(await toolboxHeaders(true)).toMatchObject({ traceparent: traceparentOfSpan(0) });
  expect(traceparentOfSpan(0)).toContain("0af7651916cd43dd8448eb211c80319c");
});

/** What reaches a toolbox with one request of a hosted agent's user. */
async function toolboxHeaders(spans: boolean): Promise<Record<string, string | undefined>> {
  const box = await startToolbox({});
  const toolbox = foundryToolbox({
    name: "people",
    projectEndpoint: box.projectEndpoint,
    credential: countingCredential(),
    environment: hostedEnvironment,
    ...(spans ? { onEvent: openTelemetry() } : {}),
  });
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
  const init = { method: "POST", body, headers: { "content-type": "application/json" } };
  const answer = await runWithUserContext(callContext("call-1"), () => toolbox.fetch(toolbox.url, init));
  await answer.text();
  await Promise.all([toolbox.close(), box.close()]);
  return box.seen[0]?.headers ?? {};
}
