import { randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest, type RequestListener, type Server } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { webHandler } from "hosted-agent-identity/node";
import { type McpServerGate, protectMcpServer } from "hosted-agent-identity/server";
import { contactsApp } from "../../examples/mcp-server/app.js";
import { listening, type RunningHost } from "../support/listening.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const name = "contacts.example.com";
const url = `https://${name}/mcp`;
const tenantId = randomUUID();
const clientId = randomUUID();
const folder = mkdtempSync(join(root, "test", ".examples-"));
let host: RunningHost | undefined;

beforeAll(() => {
  vi.stubEnv("AZURE_TENANT_ID", tenantId);
  vi.stubEnv("MCP_CLIENT_ID", clientId);
});
afterEach(async () => {
  await host?.close();
  host = undefined;
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const read = (file: string): string => readFileSync(join(root, file), "utf8");

/** The one example with a text in it, run as it stands. */
async function example(file: string, text: string, fence = /```ts\n([\s\S]*?)```/g): Promise<object> {
  const found = [...read(file).matchAll(fence)].map(([, code = ""]) => code.replaceAll(/^ \* ?/gm, ""));
  const [code = "", ...more] = found.filter((one) => one.includes(text));
  expect([code === "", more.length]).toEqual([false, 0]);
  const path = join(folder, `${readdirSync(folder).length}.ts`);
  writeFileSync(path, code);
  return import(path) as Promise<object>;
}

const guide = "docs/guides/mcp-server.md";
const reference = /@example\n \* ```ts\n([\s\S]*?) \* ```/g;
const gate = (): McpServerGate =>
  protectMcpServer({ url, app: { tenantId, clientId }, scopes: ["access_as_user"] });

const servers: Readonly<Record<string, () => Promise<Server>>> = {
  "the guide, Express": async () => {
    const { app } = (await example(guide, "export const app = createMcpExpressApp")) as {
      app: RequestListener;
    };
    return createServer(app);
  },
  "the reference of protectMcpServer()": async () => {
    const file = "src/server/protect-mcp-server.ts";
    const { app } = (await example(file, "createMcpExpressApp", reference)) as { app: RequestListener };
    return createServer(app);
  },
  "the guide, node:http": async () => {
    const { contactsServer } = (await example(guide, "validateHostHeader")) as {
      contactsServer(gate: McpServerGate, names: string[]): Server;
    };
    return contactsServer(gate(), [name]);
  },
  "the guide, web-standard": async () => {
    const { serve } = (await example(guide, "hostHeaderValidationResponse")) as {
      serve(gate: McpServerGate, names: string[]): (request: Request) => Promise<Response>;
    };
    const handle = webHandler(serve(gate(), [name]));
    return createServer((request, response) => void handle(request, response));
  },
  "examples/mcp-server": async () => createServer(contactsApp({ url, app: { tenantId, clientId } })),
};

test.each(Object.entries(servers))(
  "%s: checks Host and Origin before it asks for a token",
  async (_name, start) => {
    host = await listening(await start());
    expect(await statusOf({ host: name })).toBe(401);
    expect(await statusOf({ host: name, origin: `https://${name}` })).toBe(401);
    expect(await statusOf({ host: name, origin: "https://evil.example" })).toBe(403);
    expect(await statusOf({ host: "evil.example" })).toBe(403);
  },
);

test("every example that serves a gate on createMcpExpressApp() gives both lists", () => {
  const files = [guide, "src/server/protect-mcp-server.ts", "examples/mcp-server/app.ts", "README.md"];
  const calls = files.flatMap((file) => [...read(file).matchAll(/createMcpExpressApp\(([^)]*)\)/g)]);
  const given = calls.map(([, options = ""]) => options).filter((options) => options !== "");
  expect(given.length).toBeGreaterThan(2);
  for (const options of given) expect(options).toMatch(/allowedHosts.*allowedOrigins/);
});

/** `fetch` sets the host by itself. */
function statusOf(headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((done, failed) => {
    const sent = httpRequest(`${host?.url}/mcp`, { method: "POST", headers }, (response) => {
      response.resume();
      done(response.statusCode);
    });
    sent.on("error", failed).end("{}");
  });
}
