import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import express from "express";
import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  agentOnBehalfOf,
  clientSecret,
  entraApp,
  isHostedAgentIdentityError,
  protectedResource,
  userAccess,
  userTokenVerifier,
} from "hosted-agent-identity";
import { userContext } from "hosted-agent-identity/express";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import { startMcpServer, type McpTestServer } from "../support/mcp-servers.js";

let entra: EntraEmulator;
let mcp: McpTestServer;
let agent: Server;
/** Claims of every token that the MCP server accepted. */
const seen: Record<string, unknown>[] = [];
let refusedCalls = 0;
/** The audience of every token that reached the MCP server, accepted or not. */
let audiences: unknown[] = [];

beforeAll(async () => {
  entra = await startEntra({
    apps: [
      {
        name: "blueprint",
        scopes: ["access_agent"],
        secrets: ["blueprint-secret"],
        agentIdentities: ["clerk"],
        inheritablePermissions: [{ resource: "contacts" }],
      },
      { name: "contacts", scopes: ["contacts.read"] },
      { name: "chat" },
    ],
    users: [{ name: "Ada" }, { name: "Bob" }],
  });
  mcp = await startMcpServer({ kind: "v2", whose: actingPerson });
  agent = startAgent();
  await once(agent, "listening");
});
afterAll(async () => {
  agent?.close();
  await mcp?.close();
  await entra?.close();
});
beforeEach(() => {
  seen.length = 0;
  refusedCalls = 0;
  audiences = [];
  entra.grantConsent({
    allUsers: true,
    client: "blueprint",
    resource: "contacts",
    scopes: ["contacts.read"],
  });
});

/** The MCP server's own check: a person's token, which the one agent identity asked for. Nothing else counts. */
async function actingPerson(token: string): Promise<string | undefined> {
  audiences.push(decodeJwt(token).aud);
  const tenant = entra.tenants[0]?.id;
  const keys = createRemoteJWKSet(new URL(`${entra.origin}/${tenant}/discovery/v2.0/keys`));
  try {
    const { payload } = await jwtVerify(token, keys, {
      audience: entra.app("contacts").clientId,
      issuer: `${entra.origin}/${tenant}/v2.0`,
    });
    const { azp, idtyp, xms_act_fct: facets, oid } = payload;
    const isOurAgent =
      azp === entra.app("clerk").clientId && idtyp === "user" && String(facets).split(" ").includes("11");
    if (isOurAgent) seen.push(payload);
    else refusedCalls += 1;
    return isOurAgent ? String(oid) : undefined;
  } catch {
    refusedCalls += 1;
    return undefined;
  }
}

/** A hosted agent: takes the caller's token for the blueprint, and calls the MCP server as the caller. */
function startAgent(): Server {
  const blueprint = entraApp({
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("blueprint").clientId,
    credential: clientSecret("blueprint-secret"),
    cloud: entra.cloud,
  });
  const contactsId = entra.app("contacts").clientId;
  const resource = protectedResource({
    url: mcp.url,
    serverLabel: "contacts",
    scopes: [`api://${contactsId}/contacts.read`],
    audiences: [contactsId],
  });
  const agentIdentityId = entra.app("clerk").clientId;
  const contacts = userAccess(resource, [agentOnBehalfOf({ blueprint, agentIdentityId })]);
  const app = express();
  app.use(userContext({ verify: userTokenVerifier({ app: blueprint, requiredScopes: ["access_agent"] }) }));
  app.post("/who", async (_request, response) => {
    const client = new Client({ name: "agent", version: "1.0.0" });
    try {
      await client.connect(new StreamableHTTPClientTransport(contacts.url, { fetch: contacts.fetch }));
      const { content } = await client.callTool({ name: "whoami", arguments: { nonce: "n" } });
      response.json(content);
    } catch (cause) {
      const error = isHostedAgentIdentityError(cause) ? cause.toJSON() : { code: String(cause) };
      response.status(500).json(error);
    } finally {
      await client.close();
    }
  });
  return app.listen(0, "127.0.0.1");
}

async function ask(userToken: string): Promise<{ status: number; text: string }> {
  const { port } = agent.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/who`, {
    method: "POST",
    headers: { "x-client-user-token": userToken },
  });
  return { status: response.status, text: await response.text() };
}

const tokenOf = (user: string): Promise<string> =>
  entra.issueUserToken({ user, app: "blueprint", client: "chat" });

test("the MCP server sees each person, called by the agent identity", async () => {
  const people = ["Ada", "Bob", "Ada", "Bob"];
  const answers = await Promise.all(people.map(async (user) => ask(await tokenOf(user))));
  answers.forEach(({ status, text }, n) => {
    expect(status).toBe(200);
    expect(text).toContain(entra.user(people[n] ?? "").oid);
  });
  expect(refusedCalls).toBe(0);
  for (const claims of seen) {
    expect(claims).toMatchObject({
      azp: entra.app("clerk").clientId,
      scp: "contacts.read",
      xms_par_app_azp: entra.app("blueprint").clientId,
    });
  }
  const exchangeTokens = entra.requests.filter(({ params }) => params?.["fmi_path"] !== undefined);
  expect(exchangeTokens).toHaveLength(1);
});

test("neither the caller's token nor the blueprint's exchange token reaches the MCP server", async () => {
  await ask(await tokenOf("Ada"));
  expect(new Set(audiences)).toEqual(new Set([entra.app("contacts").clientId]));
  expect(refusedCalls).toBe(0);
});

test("a caller whose token is for Foundry, or for the agent identity, is turned away at the door", async () => {
  const foundry = await entra.issueUserToken({ user: "Ada", app: "https://ai.azure.com", client: "chat" });
  const identity = await entra.issueUserToken({
    user: "Ada",
    app: "blueprint",
    client: "chat",
    claims: { aud: entra.app("clerk").clientId },
  });
  for (const token of [foundry, identity]) {
    const { status, text } = await ask(token);
    expect(status).toBe(401);
    expect(text).toContain("user_token_audience");
  }
  expect(seen).toEqual([]);
});

test("without an administrator's consent the answer says whom to ask", async () => {
  entra.revokeConsent({ allUsers: true, client: "blueprint", resource: "contacts" });
  const { status, text } = await ask(await tokenOf("Ada"));
  expect(status).toBe(500);
  expect(JSON.parse(text)).toMatchObject({
    code: "agent_consent_missing",
    category: "admin",
    help: expect.stringContaining("adminConsentLink()"),
  });
  expect(seen).toEqual([]);
});
