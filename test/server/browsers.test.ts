import { createServer, type Server } from "node:http";
import type { Browser } from "playwright-core";
import { build } from "esbuild";
import { protectMcpServer } from "hosted-agent-identity/server";
import { startEntra, type EntraEmulator } from "hosted-agent-identity/testing";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { launchChromium } from "../support/chromium.js";
import { ImmutableResponse } from "../support/immutable-response.js";
import { listening } from "../support/listening.js";
import { startProtectedServer, type ServerKind } from "../support/protected-servers.js";

const closers: (() => Promise<unknown>)[] = [];
let entra: EntraEmulator;
let browser: Browser;
/** Two pages with the same program: only the first one's origin is listed. */
let listed = "";
let unlisted = "";

beforeAll(async () => {
  entra = await startEntra({
    users: [{ name: "Ada" }],
    apps: [{ name: "contacts", scopes: ["access_as_user"] }, { name: "page" }],
  });
  closers.push(() => entra.close());
  const program = await pageProgram();
  const page = (): Server =>
    createServer((request, response) => {
      const isScript = request.url === "/page.js";
      response.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html" });
      response.end(isScript ? program : '<!doctype html><title>page</title><script src="/page.js"></script>');
    });
  for (const start of [page, page]) {
    const host = await listening(start());
    closers.push(host.close);
    [listed, unlisted] = [unlisted, host.url];
  }
  browser = await launchChromium();
  closers.push(() => browser.close());
}, 120_000);
afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

/** Clients of both SDKs, as a page has them. */
async function pageProgram(): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      resolveDir: import.meta.dirname,
      contents: `
        import { Client as V1 } from "@modelcontextprotocol/sdk/client/index.js";
        import { StreamableHTTPClientTransport as T1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
        import { Client as V2, StreamableHTTPClientTransport as T2 } from "@modelcontextprotocol/client";
        const kinds = {
          v1: () => [new V1({ name: "page", version: "1" }), T1],
          "v2-legacy": () => [new V2({ name: "page", version: "1" }), T2],
          "v2-modern": () =>
            [new V2({ name: "page", version: "1" }, { versionNegotiation: { mode: { pin: "2026-07-28" } } }), T2],
        };
        globalThis.whoami = async (kind, url, token) => {
          const [client, Transport] = kinds[kind]();
          const transport = new Transport(new URL(url), { requestInit: { headers: { authorization: "Bearer " + token } } });
          await client.connect(transport);
          const { content } = await client.callTool({ name: "whoami", arguments: {} });
          const session = transport.sessionId !== undefined;
          if (session) await transport.terminateSession();
          await client.close();
          return [JSON.parse(content[0].text).caller, session];
        };
        globalThis.challenge = async (url) => {
          const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
          return [answer.status, answer.headers.get("www-authenticate")];
        };
        globalThis.metadata = async (url) =>
          (await (await fetch(url, { headers: { "mcp-protocol-version": "2025-11-25" } })).json()).resource;`,
    },
    bundle: true,
    write: false,
    format: "iife",
    platform: "browser",
    conditions: ["browser"],
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}

/** What a function of the page at an origin returns, or the name of what it throws. */
async function inPage(origin: string, name: string, ...args: readonly string[]): Promise<unknown> {
  const page = await browser.newPage();
  try {
    await page.goto(origin);
    return await page.evaluate(
      async ([what, given]) => {
        type Program = Record<string, (...all: readonly string[]) => Promise<unknown>>;
        const play = (globalThis as unknown as Program)[what];
        return play?.(...given).catch((error: Error) => error.name);
      },
      [name, args] as const,
    );
  } finally {
    await page.close();
  }
}

function gateFor(url: string) {
  const { tenantId, clientId } = entra.app("contacts");
  return protectMcpServer({
    url,
    app: { tenantId, clientId, cloud: entra.cloud },
    scopes: ["access_as_user"],
    browserOrigins: [listed],
  });
}

test.each<[string, ServerKind]>([
  ["v1", "v1-sessions"],
  ["v2-legacy", "v1-sessions"],
  ["v2-modern", "v2-node"],
  ["v2-modern", "v2-fetch"],
])(
  "a page with SDK %s calls a server (%s) from a listed origin, and from no other",
  async (kind, server) => {
    const running = await startProtectedServer(server, gateFor);
    closers.push(running.close);
    const token = await entra.issueUserToken({ user: "Ada", app: "contacts" });
    const hasSession = server === "v1-sessions";
    expect(await inPage(listed, "whoami", kind, running.url, token)).toEqual([
      entra.user("Ada").oid,
      hasSession,
    ]);
    expect(running.calls).toHaveLength(1);
    expect(await inPage(unlisted, "whoami", kind, running.url, token)).toEqual(expect.any(String));
    expect(running.calls).toHaveLength(1);
  },
  60_000,
);

test.each<ServerKind>(["v1-sessions", "v2-node", "v2-fetch"])(
  "a page without a token reads what it needs, and the metadata at both addresses (%s)",
  async (server) => {
    const running = await startProtectedServer(server, gateFor);
    closers.push(running.close);
    expect(await inPage(listed, "challenge", running.url)).toEqual([
      401,
      expect.stringContaining(`resource_metadata="${running.gate.metadataUrl}"`),
    ]);
    expect(await inPage(unlisted, "challenge", running.url)).toBe("TypeError");
    const { origin } = new URL(running.url);
    for (const address of [running.gate.metadataUrl, `${origin}/.well-known/oauth-protected-resource`])
      for (const page of [listed, unlisted])
        expect(await inPage(page, "metadata", address)).toBe(running.url);
  },
  60_000,
);

test.each([
  ["GET", "https://chat.example.com", {}, 401, "https://chat.example.com"],
  [
    "OPTIONS",
    "https://chat.example.com",
    { "access-control-request-method": "POST" },
    204,
    "https://chat.example.com",
  ],
  ["OPTIONS", "https://chat.example.com", {}, 401, "https://chat.example.com"],
  ["OPTIONS", "https://evil.example", { "access-control-request-method": "POST" }, 401, null],
  ["OPTIONS", "null", { "access-control-request-method": "POST" }, 401, null],
])("%s from %s with %o is answered %i, for %s", async (method, origin, more, status, allowed) => {
  const { tenantId, clientId } = entra.app("contacts");
  const url = "https://contacts.example.com/mcp";
  const gate = protectMcpServer({
    url,
    app: { tenantId, clientId, cloud: entra.cloud },
    scopes: ["access_as_user"],
    browserOrigins: ["https://chat.example.com"],
  });
  const headers = {
    origin,
    ...more,
    "access-control-request-headers": "authorization, x",
  };
  const answer = await gate.fetch(new Request(url, { method, headers }), () => new Response("passed"));
  expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([status, allowed]);
  expect(answer.headers.get("vary")).toBe("Origin");
  expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
});

test("an answer whose headers nobody can change is passed on with those that a browser needs", async () => {
  vi.stubGlobal("Response", ImmutableResponse);
  const { tenantId, clientId } = entra.app("contacts");
  const url = "https://contacts.example.com/mcp";
  const origin = "https://chat.example.com";
  const app = { tenantId, clientId, cloud: entra.cloud };
  const gate = protectMcpServer({ url, app, scopes: ["access_as_user"], browserOrigins: [origin] });
  const answer = await gate.fetch(new Request(url, { method: "POST", headers: { origin } }), () => {
    throw new Error("not admitted");
  });
  expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([401, origin]);
});

test("origins are origins", () => {
  const { tenantId, clientId } = entra.app("contacts");
  const withOrigin = (origin: string) => () =>
    protectMcpServer({
      url: "https://contacts.example.com/mcp",
      app: { tenantId, clientId },
      scopes: ["access_as_user"],
      browserOrigins: [origin],
    });
  for (const origin of [
    "*",
    "null",
    "http://chat.example.com",
    "https://chat.example.com/",
    "chat.example.com",
  ])
    expect(withOrigin(origin)).toThrow(expect.objectContaining({ code: "invalid_option" }));
  expect(withOrigin("http://localhost:6274")).not.toThrow();
});
