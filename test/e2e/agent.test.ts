import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startEntra, type EntraEmulator } from "hosted-agent-identity/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startContactsServer, type ContactsServer } from "../../examples/chat/mcp-server.js";
import { compiled } from "../support/compiled.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

let entra: EntraEmulator;
let contacts: ContactsServer;
let agent: ChildProcess;
let url: string;
let printed = "";

beforeAll(async () => {
  const preAuthorized = [{ client: "agent", scopes: ["Contacts.Access"] }];
  entra = await startEntra({
    users: [{ name: "Ada" }],
    apps: [
      { name: "agent", scopes: ["access_as_user"], secrets: ["agent-secret"] },
      { name: "contacts", scopes: ["Contacts.Access"], preAuthorized },
    ],
  });
  const clientId = entra.app("contacts").clientId;
  const tenantId = entra.tenants[0]?.id ?? "";
  contacts = await startContactsServer({
    loginEndpoint: entra.origin,
    tenantId,
    clientId,
    scope: "Contacts.Access",
    people: [{ oid: entra.user("Ada").oid, role: "reader", contacts: ["Charles"] }],
  });
  agent = spawn(process.execPath, [compiled("examples/chat/agent-process.ts")], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"],
      PORT: "0",
      AZURE_TENANT_ID: tenantId,
      APP_CLIENT_ID: entra.app("agent").clientId,
      APP_CLIENT_SECRET: "agent-secret",
      CONTACTS_URL: contacts.url,
      CONTACTS_CLIENT_ID: clientId,
      CONSENT_REDIRECT_URI: "http://localhost:3000/consent",
      LOGIN_ENDPOINT: entra.origin,
    },
  });
  agent.stderr?.on("data", (chunk) => void (printed += String(chunk)));
  const lines = createInterface({ input: agent.stdout ?? process.stdin });
  lines.on("line", (line) => void (printed += line));
  const [line] = (await once(lines, "line")) as [string];
  url = /http:\S+\d/.exec(line)?.[0] ?? "";
});
afterAll(async () => {
  agent?.kill("SIGKILL");
  await contacts?.close();
  await entra?.close();
});

async function respond(body: Record<string, unknown>, token?: string): Promise<Response> {
  return fetch(`${url}/responses`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(token === undefined ? {} : { "x-client-user-token": token }),
    },
    body: JSON.stringify(body),
  });
}

describe("the hosted agent as a container runs it", () => {
  test("is ready without anybody's token", async () => {
    expect((await fetch(`${url}/readiness`)).status).toBe(200);
  });

  test("answers in one piece where no stream is asked for", async () => {
    const token = await entra.issueUserToken({ user: "Ada", app: "agent" });
    const response = await respond({ input: "Show my contacts" }, token);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain("application/json");
    const { status, output } = (await response.json()) as { status: string; output: unknown };
    expect(status).toBe("completed");
    expect(JSON.stringify(output)).toContain("• Charles");
  });

  test("answers 401 to a request without a user and to one with somebody else's token", async () => {
    const foreign = await entra.issueUserToken({ user: "Ada", app: "contacts" });
    const before = contacts.verified.length;
    for (const token of [undefined, foreign]) {
      const response = await respond({ input: "Show my contacts" }, token);
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toMatch(/^Bearer/);
      const text = await response.text();
      expect(JSON.parse(text)).toMatchObject({ error: { code: expect.any(String) } });
      expect(text).not.toContain(foreign.split(".")[1]);
    }
    expect(contacts.verified.length).toBe(before);
  });

  test("finishes what it is streaming when it is told to stop", async () => {
    const token = await entra.issueUserToken({ user: "Ada", app: "agent" });
    const response = await respond({ input: "Show my contacts", stream: true }, token);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = (await reader?.read())?.value ?? "";
    const ended = once(agent, "exit");
    agent.kill("SIGTERM");
    for (;;) {
      const piece = await reader?.read();
      if (piece?.value === undefined) break;
      text += piece.value;
    }
    expect(text).toContain("Charles");
    expect(text).toContain("event: response.completed");
    expect((await ended)[0]).toBe(0);
    expect(printed).not.toMatch(/eyJ[A-Za-z0-9_-]{10,}\./);
  });
});
