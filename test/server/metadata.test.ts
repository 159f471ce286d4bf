import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { expect, test } from "vitest";
import { type McpServerGate, protectMcpServer } from "hosted-agent-identity/server";
import { listening } from "../support/listening.js";

const [tenantId, clientId] = [randomUUID(), randomUUID()];

function gateAt(url: string): McpServerGate {
  return protectMcpServer({
    url,
    app: { tenantId, clientId, allowedTenants: [tenantId, randomUUID()] },
    scopes: ["access_as_user"],
    tools: { add: { scopes: ["Contacts.Write"] }, drop: { scopes: ["Contacts.Write", "access_as_user"] } },
    name: "Contacts",
    documentation: "https://contacts.example.com/docs",
  });
}

async function served(gate: McpServerGate, path: string, method = "GET"): Promise<Response> {
  const server = createServer((request, response) =>
    gate.serveMetadata(request, response, () => response.writeHead(418).end()),
  );
  const host = await listening(server);
  try {
    return await fetch(`${host.url}${path}`, { method });
  } finally {
    await host.close();
  }
}

test("says whom to ask for which scopes, and of the tenants only the home", async () => {
  const gate = gateAt("https://contacts.example.com/mcp");
  const path = "/.well-known/oauth-protected-resource/mcp";
  const answer = await served(gate, path);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
  expect(await answer.json()).toEqual({
    resource: "https://contacts.example.com/mcp",
    authorization_servers: [`https://login.microsoftonline.com/${tenantId}/v2.0`],
    scopes_supported: [`api://${clientId}/access_as_user`, `api://${clientId}/Contacts.Write`],
    bearer_methods_supported: ["header"],
    resource_name: "Contacts",
    resource_documentation: "https://contacts.example.com/docs",
  });
  expect(gate.metadataUrl).toBe(`https://contacts.example.com${path}`);
  // Browsers read it from anywhere: nothing in it is secret.
  expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  const overFetch = await gate.fetch(new Request(gate.metadataUrl), () => new Response("", { status: 418 }));
  expect(await overFetch.json()).toEqual(gate.metadata);
});

test.each([
  ["/.well-known/oauth-protected-resource/mcp", "HEAD", 200],
  ["/.well-known/oauth-protected-resource/mcp", "OPTIONS", 204],
  ["/.well-known/oauth-protected-resource/mcp", "POST", 405],
  ["/.well-known/oauth-protected-resource/mcp?x=1", "GET", 200],
  ["/.well-known/oauth-protected-resource", "GET", 200],
  ["/.well-known/oauth-protected-resource/other", "GET", 418],
  ["/mcp", "POST", 418],
])("%s %s is answered %i", async (path, method, status) => {
  expect((await served(gateAt("https://contacts.example.com/mcp"), path, method)).status).toBe(status);
});

test("a server at the root of its host has the address without a path", async () => {
  const gate = gateAt("https://contacts.example.com");
  expect(gate.metadataUrl).toBe("https://contacts.example.com/.well-known/oauth-protected-resource");
  expect((await served(gate, "/.well-known/oauth-protected-resource")).status).toBe(200);
});
