import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import express from "express";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  clientSecret,
  closeMcpClient,
  entraApp,
  type EntraApp,
  entraConsentLink,
  type InvocationResult,
  type McpClientPool,
  mcpClientPool,
  onBehalfOf,
  protectedResource,
  type UserAccess,
  userAccess,
  type UserTokenVerifier,
  userTokenVerifier,
} from "hosted-agent-identity";
import { invocations, userContext } from "hosted-agent-identity/express";
import {
  type EntraEmulator,
  type FoundryEmulator,
  startEntra,
  startFoundry,
} from "hosted-agent-identity/testing";
import { decodeClaims } from "../../src/entra/token-claims.js";
import { docBlocks } from "../support/doc-blocks.js";
import { listening, type RunningHost } from "../support/listening.js";
import { type McpTestServer, startMcpServer } from "../support/mcp-servers.js";

/** The agent of a test: the guide's program, or one whose run finds out by itself. */
type Agent = (
  verify: UserTokenVerifier,
  contacts: UserAccess,
  pool: McpClientPool<Client>,
) => RequestListener;

const folder = mkdtempSync(join(fileURLToPath(new URL("..", import.meta.url)), ".examples-"));
const chat = "https://ai.azure.com";
let entra: EntraEmulator;
let mcp: McpTestServer;
let app: EntraApp;
let guide: Agent;
let contacts: UserAccess;
let pool: McpClientPool<Client>;
let foundry: FoundryEmulator;
let container: RunningHost;

beforeAll(async () => {
  entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["chat"], secrets: ["s"], redirectUris: ["http://localhost/"] },
      { name: "contacts", scopes: ["read"] },
      { name: "chat", secrets: ["s"] },
    ],
    users: [{ name: "Ada" }, { name: "Bob" }],
    managedIdentities: [{ name: "agent identity" }],
  });
  const { tenantId, clientId } = entra.app("agent");
  app = entraApp({ tenantId, clientId, credential: clientSecret("s"), cloud: entra.cloud });
  mcp = await startMcpServer({
    kind: "v2",
    whose(token) {
      const { aud, oid } = decodeClaims(token) ?? {};
      const isForIt = String(aud).includes(entra.app("contacts").clientId);
      return isForIt ? entra.users.find((user) => user.oid === oid)?.name : undefined;
    },
  });
  const { code } = docBlocks("docs/guides/turns.md").find((one) => one.code.includes("invocationsApp")) ?? {};
  const file = join(folder, "agent.ts");
  writeFileSync(file, code ?? "");
  ({ invocationsApp: guide } = (await import(file)) as { invocationsApp: Agent });
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await app?.close();
  await mcp?.close();
  await entra?.close();
});

beforeEach(async () => {
  const { clientId } = entra.app("contacts");
  const resource = protectedResource({
    url: mcp.url,
    serverLabel: "contacts",
    scopes: [`api://${clientId}/read`],
    audiences: [clientId],
  });
  const consentLink = entraConsentLink({ app, redirectUri: "http://localhost/" });
  contacts = userAccess(resource, [onBehalfOf(app, { consentLink })]);
  pool = mcpClientPool({
    async open() {
      const client = new Client({ name: "agent", version: "1.0.0" });
      await client.connect(new StreamableHTTPClientTransport(contacts.url, { fetch: contacts.fetch }));
      return client;
    },
    close: closeMcpClient,
  });
  foundry = await startFoundry({ entra });
  for (const [name, value] of Object.entries(foundry.env)) vi.stubEnv(name, value);
  for (const user of ["Ada", "Bob"])
    entra.revokeConsent({ user, client: "agent", resource: "contacts", scopes: ["read"] });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  entra.policies.clear();
  await pool.close();
  await contacts.close();
  await container?.close();
  await foundry.close();
});

async function serve(agent: Agent): Promise<void> {
  container = await listening(createServer(agent(userTokenVerifier({ app }), contacts, pool)));
  foundry.connectAgent(container.url);
}

const consented = (user: string): void =>
  entra.grantConsent({ user, client: "agent", resource: "contacts", scopes: ["read"] });

/** As a client of the platform: a token for Foundry, and the user token in the header that reaches the container. */
async function ask(user: string, accept: string, question = "who am I?"): Promise<Response> {
  return fetch(foundry.invocationsUrl, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept,
      authorization: `Bearer ${await entra.issueUserToken({ user, app: chat, client: "chat" })}`,
      "x-client-user-token": await entra.issueUserToken({ user, app: "agent" }),
    },
    body: JSON.stringify({ question }),
  });
}

const asJson = async (user: string): Promise<InvocationResult> => {
  const answer = await ask(user, "application/json");
  expect(answer.headers.get("content-type")).toMatch(/^application\/json/);
  return (await answer.json()) as InvocationResult;
};
interface Told {
  readonly type: string;
  readonly consent?: { readonly consent_link: string };
  readonly result?: InvocationResult;
}
const asEvents = async (user: string): Promise<readonly Told[]> => {
  const answer = await ask(user, "text/event-stream");
  expect(answer.headers.get("content-type")).toMatch(/^text\/event-stream/);
  return [...(await answer.text()).matchAll(/^data: (.*)$/gm)].map(
    ([, data = ""]) => JSON.parse(data) as Told,
  );
};
const claimsIn = (challenge: string | null): unknown =>
  JSON.parse(Buffer.from(/claims="([^"]+)"/.exec(challenge ?? "")?.[1] ?? "", "base64").toString());

describe("the guide's agent behind POST /invocations of the platform", () => {
  beforeEach(() => serve(guide));

  it("answers each person with what the MCP server says to that person, as JSON and as events", async () => {
    for (const user of ["Ada", "Bob"]) consented(user);
    const [ada, bob] = await Promise.all([asJson("Ada"), asEvents("Bob")]);
    expect(ada).toMatchObject({ status: "completed", output_text: expect.stringContaining("Ada") as string });
    expect(ada.output_text).toContain("who am I?");
    expect(bob.map(({ type }) => type)).toEqual(["started", "text", "ended"]);
    expect(bob.at(-1)?.result).toMatchObject({ status: "completed" });
    expect(bob.at(-1)?.result?.output_text).toContain("Bob");
    expect(foundry.log.flatMap(({ violations }) => violations ?? [])).toEqual([]);
  });

  it("asks a person for consent, and the same request is answered afterwards, as JSON and as events", async () => {
    const asked = await asJson("Ada");
    const item = { type: "oauth_consent_request", server_label: "contacts" };
    expect(asked).toMatchObject({ status: "consent_required", output_text: "", consent: [item] });
    const told = await asEvents("Bob");
    expect(told.map(({ type }) => type)).toEqual(["started", "consent_required", "ended"]);
    expect(told.at(-1)?.result).toMatchObject({ status: "consent_required", consent: [told[1]?.consent] });
    for (const link of [asked.consent?.[0]?.consent_link, told[1]?.consent?.consent_link])
      expect(new URL(link ?? "").origin).toBe(entra.origin);
    for (const user of ["Ada", "Bob"]) consented(user);
    expect((await asJson("Ada")).output_text).toContain("Ada");
    expect((await asEvents("Bob")).at(-1)?.result?.output_text).toContain("Bob");
  });

  it("hands a challenge of Entra on, in header and body, whatever the client accepts", async () => {
    consented("Ada");
    entra.policies.add({ type: "auth_context", value: "c1", user: "Ada", resource: "contacts" });
    for (const accept of ["application/json", "text/event-stream"]) {
      const answer = await ask("Ada", accept);
      expect([answer.status, answer.headers.get("content-type")]).toEqual([
        401,
        expect.stringMatching(/^application\/json/),
      ]);
      const demanded = claimsIn(answer.headers.get("www-authenticate"));
      expect(demanded).toMatchObject({ access_token: { acrs: { value: "c1" } } });
      const { error } = (await answer.json()) as {
        error: { code: string; additionalInfo: { claims: string } };
      };
      expect(error.code).toBe("step_up_required");
      expect(JSON.parse(error.additionalInfo.claims)).toEqual(demanded);
    }
    // Nobody else is concerned.
    consented("Bob");
    expect((await asJson("Bob")).output_text).toContain("Bob");
  });
});

describe("an agent whose run finds out what is missing when it has begun to answer", () => {
  beforeEach(() =>
    serve((verify, _contacts, clients) =>
      express()
        .get("/readiness", (_request, response) => void response.sendStatus(200))
        .use(userContext({ verify }))
        .post(
          "/invocations",
          invocations(async function* () {
            yield "One moment. ";
            await clients.use((client) => client.callTool({ name: "whoami", arguments: { nonce: "n" } }));
          }),
        ),
    ),
  );

  it("says the challenge in the last event, and in JSON still as 401", async () => {
    consented("Ada");
    entra.policies.add({ type: "auth_context", value: "c1", user: "Ada", resource: "contacts" });
    const told = await asEvents("Ada");
    expect(told.map(({ type }) => type)).toEqual(["started", "text", "ended"]);
    const { status, error } = told.at(-1)?.result ?? {};
    expect([status, error?.code]).toEqual(["failed", "step_up_required"]);
    const claims = (error as { additionalInfo?: { claims?: string } } | undefined)?.additionalInfo?.claims;
    expect(JSON.parse(claims ?? "")).toMatchObject({ access_token: { acrs: { value: "c1" } } });
    const answer = await ask("Ada", "application/json");
    expect(answer.status).toBe(401);
    expect(claimsIn(answer.headers.get("www-authenticate"))).toMatchObject({
      access_token: { acrs: { value: "c1" } },
    });
  });

  it("keeps what it has said before a consent request", async () => {
    expect((await asEvents("Ada")).map(({ type }) => type)).toEqual([
      "started",
      "text",
      "consent_required",
      "ended",
    ]);
    expect(await asJson("Bob")).toMatchObject({ status: "consent_required", output_text: "One moment. " });
  });
});
