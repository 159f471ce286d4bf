import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FoundryEmulator } from "hosted-agent-identity/testing";
import { refusals, type RefusalName } from "../../../src/testing/foundry/refusals.js";
import { eventsOf, block, finished, startRawContainer, type RawContainer } from "./containers.js";
import { foundryAudience, foundryWorld, identityToken, type FoundryWorld } from "./world.js";

let world: FoundryWorld;
let foundry: FoundryEmulator;
let container: RawContainer;
let ada: string;
let agent: string;
/** Ada's, one streamed and one not. */
let stored: { readonly streamed: string; readonly whole: string };

beforeAll(async () => {
  world = await foundryWorld();
  container = await startRawContainer((response, body) => {
    const wanted = JSON.parse(body.toString("utf8")) as { stream?: boolean; input?: string };
    if (wanted.input === "die") return void response.destroy();
    const whole = finished();
    const type = wanted.stream === true ? "text/event-stream" : "application/json";
    const text = wanted.stream === true ? eventsOf(whole).map(block).join("") : JSON.stringify(whole);
    response.writeHead(200, { "content-type": type }).end(text);
  });
  foundry = await world.start({
    agentUrl: container.url,
    consumers: ["Ada", "backend"],
    toolboxes: [
      { name: "tools", sources: [world.people] },
      { name: "mine", sources: [world.people], sessions: "user" },
    ],
  });
  [ada, agent] = await Promise.all([world.tokenOf("Ada"), world.agentToken()]);
  const streamed = await (await respond({ token: ada, body: { input: "Hello", stream: true } })).text();
  const whole = (await (await respond({ token: ada })).json()) as { id: string };
  stored = { streamed: /"id":"(caresp_\w+)"/.exec(streamed)?.[1] ?? "", whole: whole.id };
});
afterAll(async () => {
  await container.close();
  await world.close();
});

interface Sent {
  readonly url?: string;
  readonly method?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

function send({
  url = foundry.responsesUrl,
  method = "POST",
  token,
  headers,
  body,
}: Sent): Promise<Response> {
  return fetch(url, {
    method,
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
}

function respond(sent: Sent): Promise<Response> {
  return send({ body: { input: "Hello" }, ...sent });
}

const features = { "foundry-features": "Toolboxes=V1Preview" };
const ping = { jsonrpc: "2.0", id: 1, method: "ping" };
const hello = {
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};

function tool(sent: Sent = {}): Promise<Response> {
  const { headers, ...rest } = sent;
  return send({
    url: foundry.toolboxUrl("tools"),
    token: agent,
    body: ping,
    headers: { ...features, ...headers },
    ...rest,
  });
}

async function session(token: string = agent, toolbox = "tools"): Promise<Record<string, string>> {
  const response = await tool({ url: foundry.toolboxUrl(toolbox), token, body: hello });
  await response.text();
  return { "mcp-session-id": response.headers.get("mcp-session-id") ?? "" };
}

/** Sends a header twice, which `fetch` would join. */
function twice(url: string, token: string, name: string, values: readonly string[]): Promise<Response> {
  const body = JSON.stringify(ping);
  const given = {
    host: new URL(url).host,
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
    ...features,
  };
  const pairs = [
    ...Object.entries(given),
    ["content-length", String(body.length)],
    ...values.map((value) => [name, value]),
  ];
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      url,
      { method: "POST", headers: pairs.flat(), agent: false },
      async (response) => {
        let text = "";
        for await (const chunk of response) text += String(chunk);
        resolve(
          new Response(text, {
            status: response.statusCode ?? 0,
            headers: response.headers as Record<string, string>,
          }),
        );
      },
    );
    sent.once("error", reject);
    sent.end(body);
  });
}

const v1 = (path: string): string => `${foundry.projectEndpoint}${path}?api-version=v1`;
const ofResponse = (id: string, more = ""): string =>
  foundry.responsesUrl.replace("/responses?", `/responses/${id}${more}?`);

const tries: Readonly<Record<RefusalName, () => Promise<Response>>> = {
  token_missing: () => respond({}),
  token_invalid: async () =>
    respond({
      token: await world.entra.issueUserToken({ user: "Ada", app: foundryAudience, key: "unknown" }),
    }),
  token_audience: async () =>
    respond({ token: await world.entra.issueUserToken({ user: "Ada", app: "people" }) }),
  token_expired: async () =>
    respond({
      token: await world.entra.issueUserToken({ user: "Ada", app: foundryAudience, expiresInS: -60 }),
    }),
  token_tenant: async () => respond({ token: await world.tokenOf("Zoe") }),
  consumer_missing: async () => respond({ token: await world.tokenOf("Bob") }),
  impersonation_missing: async () =>
    respond({ token: await world.appToken(), headers: { "x-ms-user-identity": "user-1" } }),
  user_identity_invalid: () => respond({ token: ada, headers: { "x-ms-user-identity": "two words" } }),
  legacy_isolation_header: () => respond({ token: ada, headers: { "x-ms-user-isolation-key": "1" } }),
  project_unknown: () =>
    respond({ token: ada, url: foundry.responsesUrl.replace("/projects/support/", "/projects/other/") }),
  agent_unknown: () =>
    respond({ token: ada, url: foundry.responsesUrl.replace("/agents/agent/", "/agents/other/") }),
  route_unknown: () => respond({ token: ada, url: v1("/anything") }),
  method_not_allowed: () => send({ method: "PUT", token: ada, body: {} }),
  api_version_missing: () => respond({ token: ada, url: foundry.responsesUrl.split("?")[0] ?? "" }),
  api_version_unknown: () => respond({ token: ada, url: foundry.responsesUrl.replace("=v1", "=2025-04-01") }),
  api_version_not_allowed: () => respond({ token: ada, url: v1("/openai/v1/responses") }),
  body_invalid: () => respond({ token: ada, body: "[]" }),
  body_too_large: () => respond({ token: ada, body: { input: "a".repeat(4_194_304) } }),
  agent_reference_needed: () =>
    respond({ token: ada, url: `${foundry.projectEndpoint}/openai/v1/responses` }),
  session_of_another: async () => {
    const first = await respond({ token: ada, body: { input: "Hello", agent_session_id: "session-of-ada" } });
    expect(first.status).toBe(200);
    return respond({
      token: await world.appToken(),
      body: { input: "Hello", agent_session_id: "session-of-ada" },
    });
  },
  session_not_ready: async () => respond({ token: ada, url: (await world.start()).responsesUrl }),
  container_unreachable: () => respond({ token: ada, body: { input: "die" } }),
  response_not_found: async () =>
    send({ method: "GET", token: await world.appToken(), url: ofResponse(stored.whole) }),
  previous_response_not_found: async () =>
    respond({ token: await world.appToken(), body: { input: "Hello", previous_response_id: stored.whole } }),
  cancel_synchronous: () => send({ token: ada, url: ofResponse(stored.whole, "/cancel") }),
  replay_not_streamed: () =>
    send({ method: "GET", token: ada, url: `${ofResponse(stored.whole)}&stream=true` }),
  starting_after_invalid: () =>
    send({ method: "GET", token: ada, url: `${ofResponse(stored.streamed)}&stream=true&starting_after=x` }),
  feature_missing: () => tool({ headers: { "foundry-features": "Toolsets=V1Preview" } }),
  toolbox_unknown: () => tool({ url: foundry.toolboxUrl("tools", "7") }),
  agent_identity_other: async () =>
    tool({
      token: await identityToken(world.entra, world.entra.managedIdentity.identities[1]?.clientId ?? ""),
    }),
  call_id_unknown: () => tool({ headers: { "x-agent-foundry-call-id": "made-up" } }),
  call_id_ended: () => {
    const { callId = "" } =
      foundry.log.find(({ side, callId: id }) => side === "caller" && id !== undefined) ?? {};
    return tool({ headers: { "x-agent-foundry-call-id": callId } });
  },
  call_id_repeated: () => twice(foundry.toolboxUrl("tools"), agent, "x-agent-foundry-call-id", ["a", "b"]),
  call_id_with_user_token: () => tool({ token: ada, headers: { "x-agent-foundry-call-id": "any" } }),
  session_unknown: () => tool({ headers: { "mcp-session-id": "made-up" } }),
  session_of_other: async () => tool({ token: ada, headers: await session() }),
  session_missing: () => tool(),
  mcp_version_unknown: async () =>
    tool({ headers: { ...(await session()), "mcp-protocol-version": "1999-01-01" } }),
  media_type: async () => tool({ headers: { ...(await session()), "content-type": "text/plain" } }),
  prompts_unsupported: async () =>
    tool({ headers: await session(), body: { jsonrpc: "2.0", id: 1, method: "prompts/list" } }),
  throttled: () => {
    foundry.addFault({ on: "toolbox", kind: "throttled", retryAfterS: 7, rpc: "ping" });
    return tool();
  },
  unavailable: () => {
    foundry.addFault({ on: "gateway", kind: "unavailable" });
    return respond({ token: ada });
  },
  internal: () => {
    foundry.addFault({ on: "gateway", kind: "internal" });
    return respond({ token: ada });
  },
};

describe("Foundry refuses", () => {
  test.each(Object.entries(tries))("%s", async (name, attempt) => {
    const response = await attempt();
    const facts = refusals[name as RefusalName];
    const body = (await response.json()) as Record<string, unknown>;
    expect(response.headers.get("x-emulator-refusal")).toBe(name);
    expect(response.status).toBe(facts.status);
    const told = (facts.body === "front" ? body : body["error"]) as Record<string, unknown>;
    const pattern = facts.text
      .split(/\{\w+\}/)
      .map(escaped)
      .join(".+");
    expect(told["message"]).toMatch(new RegExp(`^${pattern}$`));
    if (facts.body === "front") expect(body["statusCode"]).toBe(facts.status);
    else
      expect(told).toMatchObject({ code: facts.code, param: facts.param ?? null, type: expect.any(String) });
    expect(foundry.log.some(({ refusal }) => refusal === name) || name === "session_not_ready").toBe(true);
  });

  test("with Retry-After where the test wants it", async () => {
    foundry.addFault({ on: "gateway", kind: "throttled", retryAfterS: 3, times: 2 });
    const [first, second, third] = [
      await respond({ token: ada }),
      await respond({ token: ada }),
      await respond({ token: ada }),
    ];
    expect([first.status, second.status, third.status]).toEqual([429, 429, 200]);
    expect(first.headers.get("retry-after")).toBe("3");
  });

  test("by cutting the connection", async () => {
    foundry.addFault({ on: "gateway", kind: "reset" });
    foundry.addFault({ on: "toolbox", kind: "reset" });
    await expect(respond({ token: ada })).rejects.toThrow("fetch failed");
    await expect(tool()).rejects.toThrow("fetch failed");
  });

  test("a session of one person on the agent's connection to another", async () => {
    expect(Object.keys(await session(agent, "mine"))).toEqual(["mcp-session-id"]);
    const url = foundry.toolboxUrl("mine");
    const response = await tool({ url, token: ada, headers: await session(agent, "mine") });
    expect(response.headers.get("x-emulator-refusal")).toBe("session_of_other");
  });
});

test("no refusal needs the container", async () => {
  const before = container.seen.length;
  await respond({});
  await respond({ token: await world.tokenOf("Bob") });
  await respond({ token: ada, body: { input: "Hello", previous_response_id: "caresp_unknown" } });
  expect(container.seen.length).toBe(before);
});

test("no log has a token", () => {
  const text = JSON.stringify(foundry.log);
  expect(text).not.toMatch(/eyJ/);
  expect(text).toContain('"authorization":"[redacted]"');
});

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
