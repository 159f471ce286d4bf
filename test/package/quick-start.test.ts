import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startContactsServer, type ContactsServer } from "../../examples/chat/mcp-server.js";
import { startEntra, type EntraEmulator } from "../../src/testing/index.js";
import { freePort } from "../support/free-port.js";
import { scriptedModel, type ScriptedModel } from "../support/scripted-model.js";
import { installTarball, type InstalledPackage } from "../support/tarball.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");
const peers = ["express", "ai", "@ai-sdk/openai", "@ai-sdk/mcp", "@modelcontextprotocol/client"];

/** A code block of the README, exactly as a reader would copy it. */
function block(file: string): string {
  const found = new RegExp(`\`\`\`ts file=${file.replaceAll(".", "\\.")}\\n([\\s\\S]*?)\`\`\``).exec(
    readme,
  )?.[1];
  if (found === undefined) throw new Error(`README.md has no block ${file}`);
  return found;
}

let installed: InstalledPackage;
let entra: EntraEmulator;
let contacts: ContactsServer;
let model: ScriptedModel;
let agent: ChildProcess | undefined;
let origin: string;

beforeAll(async () => {
  installed = await installTarball(peers);
}, 120_000);
afterAll(() => installed.remove());

beforeEach(async () => {
  entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["chat"], secrets: ["the-agents-secret"] },
      { name: "mcp", scopes: ["access_as_user"] },
    ],
    users: [{ name: "Ada" }, { name: "Grace" }],
  });
  contacts = await startContactsServer({
    loginEndpoint: entra.cloud.loginEndpoint,
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("mcp").clientId,
    scope: "access_as_user",
    people: entra.users.map(({ oid }) => ({ oid, role: "reader", contacts: [] })),
  });
  model = await scriptedModel([
    { tool: "whoami" },
    { text: ({ toolOutputs }) => `You are ${toolOutputs.join("")}` },
  ]);
});
afterEach(async () => {
  agent?.kill();
  await Promise.all([entra.close(), contacts.close(), model.close()]);
});

async function start(code: string): Promise<void> {
  await writeFile(join(installed.folder, "package.json"), '{ "type": "module" }');
  await writeFile(join(installed.folder, "agent.ts"), code);
  const port = await freePort();
  origin = `http://127.0.0.1:${port}`;
  let output = "";
  agent = spawn(process.execPath, [join(root, "node_modules/tsx/dist/cli.mjs"), "agent.ts"], {
    cwd: installed.folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      AZURE_AUTHORITY_HOST: entra.origin,
      AZURE_TENANT_ID: entra.tenants[0]?.id,
      AGENT_CLIENT_ID: entra.app("agent").clientId,
      AGENT_CLIENT_SECRET: "the-agents-secret",
      MCP_URL: contacts.url,
      MCP_CLIENT_ID: entra.app("mcp").clientId,
      CONSENT_PAGE: "http://127.0.0.1:9/consented",
      OPENAI_BASE_URL: model.baseUrl,
      OPENAI_API_KEY: "none",
      PORT: String(port),
    },
  });
  agent.stdout?.on("data", (chunk) => (output += String(chunk)));
  agent.stderr?.on("data", (chunk) => (output += String(chunk)));
  for (let tries = 0; tries < 300; tries += 1) {
    if (agent.exitCode !== null) throw new Error(`The quick start ended by itself: ${output}`);
    const up = await fetch(origin).then(
      () => true,
      () => false,
    );
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`The quick start did not listen: ${output}`);
}

async function ask(user: string): Promise<{ status: number; body: Record<string, unknown>; text: string }> {
  const token = await entra.issueUserToken({ user, app: "agent" });
  const response = await fetch(`${origin}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-client-user-token": token },
    body: JSON.stringify({ input: "who am I?", stream: false }),
  });
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text) as Record<string, unknown>, text };
}

const itemTypes = (body: Record<string, unknown>): unknown[] =>
  (body["output"] as { type: string }[]).map(({ type }) => type);

describe.each([
  ["the quick start with Express and the AI SDK", () => block("quick-start.ts"), true],
  [
    "the quick start with the plain MCP SDK",
    () => {
      const [imports, rest] = block("quick-start.ts").split("const agent = responses");
      const end = rest?.slice(rest.indexOf("const app = express();")) ?? "";
      return `${block("quick-start-mcp-sdk.ts")}\n${imports}\n${end}`.replace(
        /^([\s\S]*?)(const pool[\s\S]*?)(import \{ createMCPClient[\s\S]*?)(const app = express)/,
        "$1$3$2$4",
      );
    },
    false,
  ],
])("%s, from the tarball in an empty folder", (_name, code, usesModel) => {
  it("asks for consent, then answers each person as that person", async () => {
    await start(code());
    const refused = await ask("Ada");
    expect(refused.body).toMatchObject({ status: "incomplete" });
    expect(itemTypes(refused.body)).toContain("oauth_consent_request");
    expect(contacts.verified).toEqual([]);

    for (const user of ["Ada", "Grace"]) {
      entra.grantConsent({ user, client: "agent", resource: "mcp", scopes: ["access_as_user"] });
      const answered = await ask(user);
      expect(answered.body).toMatchObject({ status: "completed" });
      expect(answered.text).toContain(entra.user(user).oid);
      expect(contacts.verified.at(-1)?.oid).toBe(entra.user(user).oid);
    }
    expect(model.requests.length > 0).toBe(usesModel);
    expect(model.requests.map(({ raw }) => raw).join("")).not.toContain("authorize");
  }, 60_000);

  it("answers 401 without a user token", async () => {
    await start(code());
    const response = await fetch(`${origin}/responses`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toMatch(/^Bearer/);
  }, 60_000);
});

it("the quick start has at most 30 lines", () => {
  for (const file of ["quick-start.ts", "quick-start-mcp-sdk.ts"]) {
    expect(block(file).trimEnd().split("\n").length).toBeLessThanOrEqual(30);
  }
});
