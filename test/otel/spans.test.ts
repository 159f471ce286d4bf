import { metrics, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  createUserContext,
  isConsentRequiredError,
  runWithUserContext,
  type UserAccess,
} from "hosted-agent-identity";
import { openTelemetry } from "hosted-agent-identity/otel";
import { openClient, whoami } from "../support/mcp-clients.js";
import { scriptedTokenStore } from "../support/shared-token-stores.js";
import { registerTelemetry, type Telemetry } from "./telemetry.js";
import { people, world, type World } from "./world.js";

const [verifySpan, acquireSpan, requestSpan] = [
  "hosted_agent_identity.verify",
  "hosted_agent_identity.acquire",
  "hosted_agent_identity.mcp_request",
];

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
const caches = (): unknown[] =>
  telemetry.spans(acquireSpan).map(({ attributes }) => attributes["hosted_agent_identity.token.cache"]);
const parentId = (span: ReadableSpan | undefined): string | undefined => span?.parentSpanContext?.spanId;

describe("a call to an MCP server", () => {
  it("is a span of the request with the token's inside it, both in the turn of who asks", async () => {
    const agent = site.agent(openTelemetry());
    const turnId = await trace.getTracer("host").startActiveSpan("turn", async (turn) => {
      const caller = await agent.turn("Ada", async () => {
        const client = await openClient("v1", agent.contacts.url, { fetch: agent.contacts.fetch });
        const answer = await whoami(client);
        await client.close();
        return answer.caller;
      });
      expect(caller).toBe(site.entra.user(people.Ada).oid);
      turn.end();
      return turn.spanContext().spanId;
    });
    const requests = telemetry.spans(requestSpan);
    const tokens = telemetry.spans(acquireSpan);
    expect(requests.length).toBeGreaterThanOrEqual(3);
    expect(new Set(requests.map(parentId))).toEqual(new Set([turnId]));
    for (const token of tokens)
      expect(requests.map((span) => span.spanContext().spanId)).toContain(parentId(token));
    expect(telemetry.spans(verifySpan).map(parentId)).toEqual([turnId]);

    const post = requests.find(({ attributes }) => attributes["http.response.status_code"] === 200);
    expect(post?.kind).toBe(SpanKind.CLIENT);
    expect(post?.attributes).toEqual({
      "hosted_agent_identity.server_label": "contacts",
      "hosted_agent_identity.outcome": "ok",
      "http.request.method": "POST",
      "http.response.status_code": 200,
      "server.address": "127.0.0.1",
      "server.port": Number(agent.contacts.url.port),
    });
    expect(tokens[0]?.kind).toBe(SpanKind.INTERNAL);
    expect(tokens[0]?.attributes).toEqual({
      "hosted_agent_identity.server_label": "contacts",
      "hosted_agent_identity.outcome": "ok",
      "hosted_agent_identity.token.source": "on_behalf_of",
      "hosted_agent_identity.token.cache": "exchange",
      "hosted_agent_identity.token.stepped_up": false,
    });
    await agent.close();
  });

  it("says where each token came from", async () => {
    const sharedCache = { store: scriptedTokenStore(), encryptionKeys: [new Uint8Array(32).fill(7)] };
    const onEvent = openTelemetry();
    const [first, second] = [site.agent(onEvent, { sharedCache }), site.agent(onEvent, { sharedCache })];
    await first.turn("Ada", async (context) => {
      await Promise.all([get(first.plain), get(first.plain)]);
      await get(first.plain);
      expect(caches().sort()).toEqual(["exchange", "hit", "joined"]);
      await first.close();
      await runWithUserContext(context, () => get(second.plain));
      expect(caches()).toContain("shared");
    });
    await second.close();
  });

  it("says that a token of the server's own audience was passed on, not exchanged", async () => {
    const agent = site.agent(openTelemetry());
    const token = await site.tokenOf("Ada", { app: "contacts" });
    const context = await createUserContext({ userToken: token }, { verify: agent.verify });
    await runWithUserContext(context, () => get(agent.plain));
    context.end();
    expect(telemetry.spans(acquireSpan)[0]?.attributes).toMatchObject({
      "hosted_agent_identity.token.source": "passthrough",
      "hosted_agent_identity.token.cache": "none",
    });
    await agent.close();
  });

  it("of twenty people at once is each in the trace of its own turn, over every await", async () => {
    const agent = site.agent(openTelemetry());
    const traces = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        trace.getTracer("host").startActiveSpan(`turn ${n}`, async (turn) => {
          await agent.turn("Ada", async () => {
            await get(agent.plain);
            await get(agent.plain);
          });
          turn.end();
          return turn.spanContext().traceId;
        }),
      ),
    );
    expect(new Set(traces).size).toBe(20);
    for (const traceId of traces) {
      const own = telemetry.spans().filter((span) => span.spanContext().traceId === traceId);
      expect(own.map(({ name }) => name).filter((name) => name === requestSpan)).toHaveLength(2);
      expect(own.map(({ name }) => name).filter((name) => name === acquireSpan)).toHaveLength(2);
      expect(own.map(({ name }) => name).filter((name) => name === verifySpan)).toHaveLength(1);
    }
    await agent.close();
  });
});

describe("what goes wrong", () => {
  it("is no error of the agent when the person has to consent", async () => {
    const agent = site.agent(openTelemetry());
    await agent.turn("Bob", async () => {
      await expect(get(agent.plain)).rejects.toSatisfy(isConsentRequiredError);
    });
    const [span] = telemetry.spans(acquireSpan);
    expect(span?.status.code).toBe(SpanStatusCode.UNSET);
    expect(span?.attributes).toMatchObject({
      "hosted_agent_identity.outcome": "consent",
      "error.type": "consent_required",
      "hosted_agent_identity.error.code": "consent_required",
    });
    expect(telemetry.spans(requestSpan)[0]?.attributes["hosted_agent_identity.outcome"]).toBe("consent");
    await agent.close();
  });

  it("is an error when Entra refuses the agent's credential, with what Microsoft's support asks for", async () => {
    const agent = site.agent(openTelemetry(), { secret: "wrong" });
    await agent.turn("Ada", async () => {
      await expect(get(agent.plain)).rejects.toMatchObject({ code: "client_credential_failed" });
    });
    const [span] = telemetry.spans(acquireSpan);
    expect(span?.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(span?.events).toEqual([]);
    expect(span?.attributes).toMatchObject({
      "hosted_agent_identity.outcome": "cred",
      "error.type": "client_credential_failed",
      "hosted_agent_identity.entra.error_codes": [7000215],
      "hosted_agent_identity.entra.correlation_id": expect.stringMatching(/^[\da-f-]{36}$/) as string,
    });
    await agent.close();
  });

  it("says why a user token was refused", async () => {
    const agent = site.agent(openTelemetry());
    const token = await site.tokenOf("Ada", { expiresInS: -3600 });
    await expect(agent.verify(token)).rejects.toMatchObject({ code: "user_token_expired" });
    await expect(agent.verify("not a token")).rejects.toMatchObject({ code: "user_token_malformed" });
    const told = telemetry.spans(verifySpan).map(({ attributes, status }) => [attributes, status.code]);
    const refused = (code: string, outcome: string): unknown => [
      {
        "hosted_agent_identity.outcome": outcome,
        "error.type": code,
        "hosted_agent_identity.error.code": code,
      },
      SpanStatusCode.UNSET,
    ];
    expect(told).toEqual([refused("user_token_expired", "signin"), refused("user_token_malformed", "input")]);
    await agent.close();
  });

  it("says what an MCP server answered, or that it did not", async () => {
    const agent = site.agent(openTelemetry());
    await agent.turn("Ada", async () => {
      site.answer((_request, response) => void response.writeHead(503).end());
      await get(agent.plain);
      site.answer((request) => void request.socket.destroy());
      await expect(get(agent.plain)).rejects.toThrow("fetch failed");
      site.answer(() => {});
      await expect(get(agent.plain, { signal: AbortSignal.timeout(30) })).rejects.toThrow("timeout");
      const gone = new AbortController();
      const waiting = get(agent.plain, { signal: gone.signal });
      gone.abort();
      await expect(waiting).rejects.toThrow("aborted");
      await expect(agent.plain.fetch("http://127.0.0.1:9/elsewhere")).rejects.toThrow("127.0.0.1:9");
    });
    const told = telemetry
      .spans(requestSpan)
      .map(({ attributes, status }) => [
        attributes["hosted_agent_identity.outcome"],
        attributes["error.type"],
        attributes["http.response.status_code"],
        status,
      ]);
    const error = { code: SpanStatusCode.ERROR };
    expect(told).toEqual([
      ["failed", "503", 503, error],
      ["failed", "UND_ERR_SOCKET", undefined, error],
      ["failed", "timeout", undefined, error],
      ["aborted", "aborted", undefined, { code: SpanStatusCode.UNSET }],
      ["config", "url_not_allowed", undefined, error],
    ]);
    await agent.close();
  });
});

it("openTelemetry() is idle until something is registered, or given, that steps are for", async () => {
  await telemetry.stop();
  const onEvent = openTelemetry();
  const isIdle = (): boolean | undefined => onEvent.isIdle?.();
  expect(isIdle()).toBe(true);
  trace.setGlobalTracerProvider(new BasicTracerProvider());
  expect(isIdle()).toBe(false);
  trace.disable();
  expect(isIdle()).toBe(true);
  metrics.setGlobalMeterProvider(new MeterProvider());
  expect(isIdle()).toBe(false);
  metrics.disable();
  expect(isIdle()).toBe(true);
  // Without an SDK, a request still continues the trace of the request that is answered.
  propagation.setGlobalPropagator({
    inject: () => undefined,
    extract: (active) => active,
    fields: () => ["traceparent"],
  });
  expect(isIdle()).toBe(false);
  propagation.disable();
  expect(isIdle()).toBe(true);
  expect(openTelemetry({ tracerProvider: new BasicTracerProvider() }).isIdle?.()).toBe(false);
  expect(openTelemetry({ meterProvider: new MeterProvider() }).isIdle?.()).toBe(false);
  telemetry = registerTelemetry();
});

it("spans and metrics work when the application registers its SDK after the agent was made", async () => {
  await telemetry.stop();
  const agent = site.agent(openTelemetry());
  await agent.turn("Ada", () => get(agent.plain));
  telemetry = registerTelemetry();
  await agent.turn("Ada", () => get(agent.plain));
  expect(telemetry.spans(requestSpan)).toHaveLength(1);
  expect(await telemetry.points("hosted_agent_identity.mcp_request.duration")).toHaveLength(1);
  await agent.close();
});
