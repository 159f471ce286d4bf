import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ManagedIdentityCredential } from "@azure/identity";
import { decodeJwt } from "jose";
import { type FoundryOptions, startEntra, startFoundry } from "hosted-agent-identity/testing";
import { testTls } from "../../support/test-tls.js";
import { foundryWorld, type FoundryWorld } from "./world.js";

let world: FoundryWorld;

beforeAll(async () => {
  world = await foundryWorld();
});
afterAll(() => world.close());

describe("startFoundry refuses", () => {
  const wrong: Record<string, () => Partial<FoundryOptions>> = {
    "a tenant nobody declared": () => ({ tenant: "Nowhere" }),
    "a consumer nobody declared": () => ({ consumers: ["Eve"] }),
    "an impersonator nobody declared": () => ({ impersonators: ["nothing"] }),
    "an agent identity nobody declared": () => ({ agentIdentity: "nobody" }),
    "two containers": () => ({ agentUrl: "http://127.0.0.1:1", agent: () => new Response() }),
    "a toolbox twice": () => ({ toolboxes: [1, 2].map(() => ({ name: "tools", sources: [] })) }),
    "a source twice": () => ({ toolboxes: [{ name: "tools", sources: [world.people, world.people] }] }),
    "a source without a server": () => ({
      toolboxes: [{ name: "tools", sources: [{ name: "none", auth: { type: "none" } }] }],
    }),
    "a connection whose app has no secret": () => ({
      toolboxes: [
        { name: "tools", sources: [{ ...world.people, auth: { ...world.connection, app: "people" } }] },
      ],
    }),
  };
  test.each(Object.entries(wrong))("%s", async (_what, options) => {
    await expect(world.start(options())).rejects.toMatchObject({ code: "invalid_option" });
  });

  test.each([
    ["a time limit in words", { readinessTimeoutMs: "2s" }, "readinessTimeoutMs: expected milliseconds"],
    [
      "an address that is none",
      { agentUrl: "127.0.0.1:8088" },
      "agentUrl: expected an http or https address",
    ],
    ["consumers that are none", { consumers: "nobody" }, 'consumers: expected "everybody", got'],
    ["a toolbox without a name", { toolboxes: [{ sources: [] }] }, "toolboxes[0].name: expected a text"],
    [
      "an OAuth client without scopes",
      {
        toolboxes: [
          { name: "tools", sources: [{ name: "people", auth: { type: "oauth2", app: "people" } }] },
        ],
      },
      "toolboxes[0].sources[0].auth.scopes: expected a list",
    ],
    [
      "a call as the agent for nobody",
      { toolboxes: [{ name: "tools", sources: [{ name: "people", auth: { type: "agent" } }] }] },
      "toolboxes[0].sources[0].auth.audience: expected a text",
    ],
  ])("%s", async (_what, options, message) => {
    await expect(world.start(options as object)).rejects.toMatchObject({
      code: "invalid_option",
      message: expect.stringContaining(`startFoundry: ${message}`),
    });
  });

  test("to fail a source nobody declared", async () => {
    const foundry = await world.start();
    expect(() => foundry.failSource({ toolbox: "tools", source: "people" }, undefined)).toThrow(
      expect.objectContaining({ code: "invalid_option" }),
    );
  });
});

test("the container's environment is that of a hosted agent, and its credential gets the agent's token", async () => {
  const foundry = await world.start({
    blueprint: "blueprint",
    agentName: "support agent",
    agentVersion: "3",
  });
  expect(foundry.env).toMatchObject({
    FOUNDRY_HOSTING_ENVIRONMENT: expect.stringMatching(/./),
    FOUNDRY_PROJECT_ENDPOINT: foundry.projectEndpoint,
    FOUNDRY_AGENT_NAME: "support agent",
    FOUNDRY_AGENT_VERSION: "3",
    FOUNDRY_AGENT_TENANT_ID: world.entra.tenants[0]?.id,
    FOUNDRY_AGENT_BLUEPRINT_CLIENT_ID: world.entra.app("blueprint").clientId,
  });
  expect(foundry.responsesUrl).toContain(
    "/agents/support%20agent/endpoint/protocols/openai/responses?api-version=v1",
  );
  for (const [name, value] of Object.entries(foundry.env)) vi.stubEnv(name, value);
  const { token } = await new ManagedIdentityCredential().getToken("https://ai.azure.com/.default");
  vi.unstubAllEnvs();
  expect(decodeJwt(token)["oid"]).toBe(world.entra.managedIdentity.identities[0]?.objectId);
});

test("the container's environment has what the agent is deployed with", async () => {
  const { env } = await world.start({ environment: { APP_CLIENT_ID: "x" } });
  expect(env).toMatchObject({ APP_CLIENT_ID: "x", FOUNDRY_HOSTING_ENVIRONMENT: "emulator" });
});

test.each([
  "AGENT_CLIENT_ID",
  "FOUNDRY_APP_SECRET",
  "FOUNDRY_AGENT_NAME",
  "APPLICATIONINSIGHTS_CONNECTION_STRING",
])("an agent cannot be deployed with a setting called %s", async (name) => {
  await expect(world.start({ environment: { APP_TENANT: "t", [name]: "a-secret" } })).rejects.toMatchObject({
    code: "invalid_option",
    message: expect.stringMatching(new RegExp(`environment\\.${name}: .*invalid_payload.*APP_`)) as string,
  });
});

test("another identity can be the agent's", async () => {
  const foundry = await world.start({
    agentIdentity: "another identity",
    toolboxes: [{ name: "tools", sources: [] }],
  });
  const response = await fetch(foundry.toolboxUrl("tools"), {
    method: "POST",
    headers: {
      authorization: `Bearer ${await world.agentToken()}`,
      "foundry-features": "Toolboxes=V1Preview",
      "content-type": "application/json",
    },
    body: "{}",
  });
  expect(response.headers.get("x-emulator-refusal")).toBe("agent_identity_other");
});

test("every request can be watched as it happens", async () => {
  const seen: string[] = [];
  const foundry = await world.start({ onRequest: ({ side, status }) => seen.push(`${side} ${status}`) });
  await (await fetch(foundry.responsesUrl)).text();
  await (await fetch(`${foundry.url}/login?data=none`)).text();
  expect(seen).toEqual(["caller 405", "consent 404"]);
});

test("an Entra that speaks https verifies callers as well", async () => {
  const entra = await startEntra({
    tls: testTls(),
    apps: [{ name: "chat" }],
    users: [{ name: "Ada" }],
  });
  const foundry = await startFoundry({
    entra,
    readiness: "skip",
    agent: (request) => Response.json({ user: request.headers.get("x-agent-user-id") }),
  });
  const token = await entra.issueUserToken({ user: "Ada", app: "https://ai.azure.com", client: "chat" });
  const response = await fetch(foundry.invocationsUrl, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: "{}",
  });
  expect(await response.json()).toEqual({ user: foundry.userId({ name: "Ada" }) });
  await Promise.all([foundry.close(), entra.close()]);
});
