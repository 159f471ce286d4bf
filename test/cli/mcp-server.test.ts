import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { inProcess } from "../support/command-line.js";

let elsewhere: Server;
let server: Server;
let visits: string[] = [];

const answers: Record<string, (response: ServerResponse) => void> = {
  "/open": (response) => response.end("{}"),
  "/moved": (response) => response.writeHead(307, { location: urlOf(elsewhere) }).end(),
  "/pointing": (response) =>
    response.writeHead(401, { "www-authenticate": `Bearer resource_metadata="${urlOf(elsewhere)}"` }).end(),
  "/.well-known/oauth-protected-resource/pointing": (response) =>
    response.end(JSON.stringify({ resource: "x", authorization_servers: [urlOf(elsewhere)] })),
  "/silent": (response) => response.writeHead(401).end(),
  "/.well-known/oauth-protected-resource/silent": (response) =>
    response.writeHead(302, { location: urlOf(elsewhere) }).end(),
};

beforeAll(async () => {
  elsewhere = createServer((request, response) => {
    visits.push(request.url ?? "");
    response.end("{}");
  });
  server = createServer((request, response) => {
    const answer = answers[request.url ?? ""];
    if (answer === undefined) response.writeHead(404).end();
    else answer(response);
  });
  await Promise.all(
    [elsewhere, server].map((one) => new Promise<void>((ready) => one.listen(0, "127.0.0.1", ready))),
  );
});
beforeEach(() => {
  visits = [];
});
afterAll(() => {
  elsewhere.close();
  server.close();
});

function urlOf(one: Server): string {
  return `http://127.0.0.1:${(one.address() as AddressInfo).port}`;
}

/** What `doctor` says of the MCP server at an address: nothing else is configured. */
async function said(url: string): Promise<string[]> {
  const env = { MCP_URL: url, MCP_CLIENT_ID: "11111111-2222-4333-8444-555555555555" };
  const { out } = await inProcess(["doctor", "--json"], { env });
  const { checks } = JSON.parse(out) as { checks: { check: string; status: string; detail: string }[] };
  return checks
    .filter(({ check }) => check.startsWith("mcp_"))
    .map(({ check, status, detail }) => `${check} ${status}: ${detail}`);
}

it("knows an MCP server that asks for no token, has moved, is at another path, or is not there", async () => {
  expect((await said(`${urlOf(server)}/open`))[0]).toMatch(/^mcp_server fail: .*answers 200 without a token/);
  expect((await said(`${urlOf(server)}/moved`))[0]).toMatch(/^mcp_server fail: .*redirects \(307\) to "http/);
  expect((await said(`${urlOf(server)}/none`))[0]).toMatch(/^mcp_server fail: .*answers 404/);
  expect((await said("http://127.0.0.1:1/mcp"))[0]).toMatch(/^mcp_server fail: .*could not be reached/);
  expect((await said(`${urlOf(server)}/silent`))[0]).toMatch(
    /^mcp_server warn: .*without a Bearer challenge/,
  );
});

it("shows where a server points, and goes nowhere", async () => {
  const [challenge, metadata] = await said(`${urlOf(server)}/pointing`);
  expect(challenge).toMatch(/^mcp_server ok: .*resource_metadata "http/);
  expect(metadata).toContain(`authorization_servers ["${urlOf(elsewhere)}"]`);
  await said(`${urlOf(server)}/silent`);
  await said(`${urlOf(server)}/moved`);
  expect(visits).toEqual([]);
});
