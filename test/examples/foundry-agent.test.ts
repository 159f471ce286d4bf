import { randomBytes, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  type EntraEmulator,
  type FoundryEmulator,
  startEntra,
  startFoundry,
} from "hosted-agent-identity/testing";
import { startContactsServer, type ContactsServer } from "../../examples/chat/mcp-server.js";
import { told, type Told } from "../../examples/chat/told.js";
import { createVisitor, pressThrough } from "../../examples/chat/visitor.js";
import { startExample, type ExampleProcess } from "../support/example-process.js";
import { freePort } from "../support/free-port.js";
import { modelFailures } from "../support/model-failures.js";
import { startRedis, type RedisServer } from "../support/redis-server.js";
import { scriptedModel } from "../support/scripted-model.js";

const folder = new URL("../../examples/foundry-agent/", import.meta.url);
const scope = "access_as_user";
let entra: EntraEmulator;
let contacts: ContactsServer;
let foundry: FoundryEmulator;
let agentPort: number;
let servicePort: number;
const running: ExampleProcess[] = [];

beforeAll(async () => {
  [agentPort, servicePort] = [await freePort(), await freePort()];
  entra = await startEntra({
    apps: [
      { name: "portal" },
      { name: "connection", secrets: [randomUUID()] },
      {
        name: "sign-in",
        scopes: ["chat"],
        secrets: ["the-services-secret"],
        redirectUris: [`http://127.0.0.1:${servicePort}/callback`],
      },
      { name: "contacts", scopes: [scope] },
    ],
    users: [{ name: "Ada" }, { name: "Grace" }],
    managedIdentities: [{ name: "agent" }],
  });
  contacts = await startContactsServer({
    loginEndpoint: entra.origin,
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("contacts").clientId,
    scope,
    people: entra.users.map(({ oid }) => ({ oid, role: "reader", contacts: [] })),
  });
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.kill()));
  await foundry?.close();
});
afterAll(async () => {
  await Promise.all([contacts.close(), entra.close()]);
});

async function startPlatform({ server = contacts.url }: { readonly server?: string } = {}) {
  foundry = await startFoundry({
    entra,
    agentUrl: `http://127.0.0.1:${agentPort}`,
    agentName: "contacts-agent",
    consentLinks: "platform",
    toolboxes: [
      {
        name: "support",
        sources: [
          {
            name: "contacts",
            url: server,
            // Of my_contacts nothing is said.
            requireApproval: { delete_contact: "always", whoami: "never", slow: "never" },
            auth: {
              type: "oauth2",
              app: "connection",
              scopes: [`api://${entra.app("contacts").clientId}/${scope}`, "offline_access"],
            },
          },
        ],
      },
    ],
  });
}

/** Starts the agent as the platform starts a container. */
async function startAgent(env: Readonly<Record<string, string>>): Promise<ExampleProcess> {
  const agent = await startExample("examples/foundry-agent/main.ts", {
    ...foundry.env,
    PORT: String(agentPort),
    ...env,
  });
  running.push(agent);
  return agent;
}

/** Asks through the gateway, with the person's own token for Foundry. */
async function post(user: string, input: string, more: object = {}): Promise<Response> {
  const token = await entra.issueUserToken({ user, app: "https://ai.azure.com", client: "portal" });
  return fetch(foundry.responsesUrl, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ input, ...more }),
  });
}

async function asks(user: string, input: string, previous?: Told): Promise<Told> {
  return told(await post(user, input, { previous_response_id: previous?.responseId }));
}

const calls = () => contacts.verified.filter(({ call }) => call.startsWith("tools/call"));

describe("with a toolbox", { timeout: 60_000 }, () => {
  test("each person is asked for consent once, and answered as that person", async () => {
    await startPlatform();
    await startAgent({ TOOLBOX_NAME: "support" });
    for (const user of ["Ada", "Grace"]) {
      const first = await asks(user, "whoami");
      expect(first).toMatchObject({ status: "incomplete", text: "" });
      expect(new URL(first.link ?? "").host).toBe("logic-emulator.consent.azure-apihub.net");
      await foundry.giveConsent({ link: first.link ?? "", user });
      const again = await asks(user, "whoami", first);
      expect(again).toMatchObject({
        status: "completed",
        text: expect.stringContaining(entra.user(user).oid),
      });
      expect(calls().at(-1)?.oid).toBe(entra.user(user).oid);
      expect((await asks(user, "whoami")).status).toBe("completed");
    }
    expect(foundry.log.flatMap(({ violations = [] }) => violations)).toEqual([]);
  });

  test("a stream ends with the consent item and response.incomplete, as the portal needs it", async () => {
    await startPlatform();
    await startAgent({ TOOLBOX_NAME: "support" });
    const text = await (await post("Ada", "whoami", { stream: true })).text();
    const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data = ""]) => JSON.parse(data));
    expect(events.map(({ type }) => type)).toContain("response.output_item.done");
    expect(events.at(-1)).toMatchObject({
      type: "response.incomplete",
      response: {
        status: "incomplete",
        output: [{ type: "oauth_consent_request", server_label: "contacts" }],
      },
    });
    expect(foundry.storedResponses.length).toBe(1);
  });

  test("the model gets the tools that need no approval, under names it takes, and nothing of the person", async () => {
    await startPlatform();
    const model = await scriptedModel([
      { tool: "contacts_whoami" },
      { text: ({ toolOutputs }) => `The tool said ${toolOutputs.join()}` },
    ]);
    await startAgent({
      TOOLBOX_NAME: "support",
      MODEL_DEPLOYMENT_NAME: "scripted",
      OPENAI_BASE_URL: model.baseUrl,
    });
    const first = await asks("Ada", "Who am I to the contacts server?");
    expect(model.requests).toEqual([]);
    await foundry.giveConsent({ link: first.link ?? "", user: "Ada" });
    const again = await asks("Ada", "Who am I to the contacts server?", first);
    expect(again).toMatchObject({
      status: "completed",
      text: expect.stringContaining(entra.user("Ada").oid),
    });
    const tools = JSON.parse(model.requests[0]?.raw ?? "{}").tools.map(({ name }: { name: string }) => name);
    expect(tools.toSorted()).toEqual(["contacts_whoami"]);
    const sent = model.requests.map(({ raw }) => raw).join("\n");
    const ids = foundry.log
      .flatMap(({ callId, userId }) => [callId, userId])
      .filter((id) => id !== undefined);
    for (const secret of [...ids, "eyJ", "azure-apihub", "x-agent-"]) expect(sent).not.toContain(secret);
    await model.close();
  });

  test("a model that fails is a failed turn, streamed and plain", async () => {
    await startPlatform();
    const model = await scriptedModel([]);
    await startAgent({
      TOOLBOX_NAME: "support",
      MODEL_DEPLOYMENT_NAME: "scripted",
      OPENAI_BASE_URL: model.baseUrl,
    });
    const first = await asks("Ada", "Hi");
    await foundry.giveConsent({ link: first.link ?? "", user: "Ada" });
    for (const failure of modelFailures) {
      model.fail(failure);
      const [plain, streamed] = await Promise.all([post("Ada", "Hi"), post("Ada", "Hi", { stream: true })]);
      expect([failure, (await plain.json()).status]).toEqual([failure, "failed"]);
      expect(await streamed.text()).toMatch(/"type":"response\.failed".*\n\n$/);
    }
    await model.close();
  });

  test("SIGTERM lets a running answer finish, and takes no new request", async () => {
    const slow = await slowMcpServer();
    await startPlatform({ server: slow.url });
    const agent = await startAgent({ TOOLBOX_NAME: "support" });
    const first = await asks("Ada", "slow");
    await foundry.giveConsent({ link: first.link ?? "", user: "Ada" });
    const answer = asks("Ada", "slow", first);
    await slow.called;
    agent.child.kill("SIGTERM");
    const readiness = () => fetch(`http://127.0.0.1:${agentPort}/readiness`).then(({ status }) => status);
    await expect.poll(readiness).toBe(503);
    expect((await post("Grace", "slow")).status).toBe(503);
    slow.release();
    expect(await answer).toMatchObject({
      status: "completed",
      text: expect.stringContaining("done at last"),
    });
    expect(await agent.ended).toBe(0);
    slow.server.closeAllConnections();
    slow.server.close();
  });

  test("a request that did not come through the gateway is refused, and the missing header named", async () => {
    await startPlatform();
    await startAgent({ TOOLBOX_NAME: "support" });
    const response = await fetch(`http://127.0.0.1:${agentPort}/responses`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-agent-user-id": "somebody" },
      body: JSON.stringify({ input: "whoami" }),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { code: "call_id_missing", message: expect.stringContaining("x-agent-foundry-call-id") },
    });
    expect(foundry.log.filter(({ side }) => side === "toolbox")).toEqual([]);
  });
});

describe("with a sign-in service", { timeout: 60_000 }, () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.remove());

  test("a person signs in, types the code, and the interrupted question is answered as that person", async () => {
    await startPlatform();
    const tenant = { AZURE_TENANT_ID: entra.tenants[0]?.id ?? "" };
    const server = { MCP_URL: contacts.url, MCP_CLIENT_ID: entra.app("contacts").clientId };
    const url = `http://127.0.0.1:${servicePort}`;
    const { clientId } = entra.app("sign-in");
    const service = await startExample("examples/sign-in-service/main.ts", {
      ...tenant,
      ...server,
      AZURE_AUTHORITY_HOST: entra.origin,
      SERVICE_CLIENT_ID: clientId,
      SERVICE_CLIENT_SECRET: "the-services-secret",
      PUBLIC_URL: url,
      PORT: String(servicePort),
      SIGN_IN_KEYS: randomBytes(32).toString("base64"),
      REDIS_URL: redis.url,
      CALLER_NAME: "contacts-agent",
      CALLER_CLIENT_IDS: entra.managedIdentity.identities[0]?.clientId ?? "",
      CALLER_PROJECT: foundry.projectEndpoint,
    });
    running.push(service);
    const agent = await startAgent({
      ...tenant,
      ...server,
      SIGN_IN_URL: url,
      SIGN_IN_CLIENT_ID: clientId,
      LOGIN_ENDPOINT: entra.origin,
    });
    expect(agent.output()).toContain("with a sign-in service");

    const { oid } = entra.user("Ada");
    const first = await asks("Ada", "whoami");
    expect(first).toMatchObject({ status: "incomplete", text: "" });
    const codeOn = (html: string) => /<output[^>]*>([^<]+)<\/output\s*>/.exec(html)?.[1]?.trim();
    const page = await pressThrough(createVisitor(), first.link ?? "", ["Ada", "Continue", "Accept"], codeOn);
    const code = codeOn(page.html) ?? "";
    expect(code).not.toBe("");

    expect((await asks("Grace", code)).text).not.toContain(oid);
    expect((await asks("Ada", code)).text).toContain(entra.user("Ada").upn);
    expect(await asks("Ada", "yes")).toMatchObject({
      status: "completed",
      text: expect.stringContaining(oid),
    });
    expect(calls().at(-1)?.oid).toBe(oid);
    const seen = calls().length;
    expect((await asks("Grace", "whoami")).status).toBe("incomplete");
    expect(calls().length).toBe(seen);
  });
});

test("without a toolbox and without a sign-in service it does not start, and says what is missing", async () => {
  await startPlatform();
  const agent = await startAgent({});
  expect(await agent.ended).not.toBe(0);
  expect(agent.output()).toMatch(/TOOLBOX_NAME or SIGN_IN_URL/);
}, 60_000);

describe("what is deployed", () => {
  test("the agent declares container protocol 2.0.0, and azd finds the declaration", async () => {
    const agent = await readFile(new URL("agent.yaml", folder), "utf8");
    expect(agent).toMatch(/^ {2}- protocol: responses\n {4}version: 2\.0\.0$/m);
    expect(await readFile(new URL("azure.yaml", folder), "utf8")).toContain("$ref: ./agent.yaml");
  });

  test("the toolbox has the name and the settings that the agent expects", async () => {
    const agent = await readFile(new URL("agent.yaml", folder), "utf8");
    const readme = await readFile(new URL("README.md", folder), "utf8");
    const name = /^ {2}TOOLBOX_NAME: (\S+)$/m.exec(agent)?.[1];
    expect(readme).toContain(`azd ai toolbox create ${name} `);
    expect(await readFile(new URL("toolbox.yaml", folder), "utf8")).toContain("require_approval: never");
  });

  test("the image has the versions that were tested here", async () => {
    const { devDependencies } = JSON.parse(await readFile(new URL("../../package.json", folder), "utf8")) as {
      devDependencies: Record<string, string>;
    };
    const main = await readFile(new URL("main.ts", folder), "utf8");
    const dockerfile = await readFile(new URL("Dockerfile", folder), "utf8");
    const used = [...main.matchAll(/ from "([^"]+)"/g)].map(([, name = ""]) => name);
    const packages = used.filter((name) => !name.startsWith("hosted-agent-identity"));
    expect(packages.length).toBeGreaterThan(3);
    for (const name of packages) expect(dockerfile).toContain(`${name}@${devDependencies[name]}`);
  });
});

/** An MCP server with one tool, which answers when it is released. */
async function slowMcpServer() {
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  let called = (): void => {};
  const wasCalled = new Promise<void>((resolve) => (called = resolve));
  const server: Server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const { id, method, params } = JSON.parse(body || "{}") as {
      id?: number;
      method?: string;
      params?: { protocolVersion?: string };
    };
    if (id === undefined) return void response.writeHead(202).end();
    if (method === "tools/call") {
      called();
      await released;
    }
    const results: Record<string, object> = {
      initialize: {
        protocolVersion: params?.protocolVersion ?? "2025-06-18",
        capabilities: { tools: {} },
        serverInfo: { name: "slow", version: "1.0.0" },
      },
      "tools/list": { tools: [{ name: "slow", inputSchema: { type: "object" } }] },
      "tools/call": { content: [{ type: "text", text: "done at last" }] },
    };
    const result = results[method ?? ""];
    const message =
      result === undefined ? { error: { code: -32601, message: "unknown method" } } : { result };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id, ...message }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  return { server, url, release: () => release(), called: wasCalled };
}
