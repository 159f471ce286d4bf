import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import { startContactsServer, type ContactsServer } from "../../examples/chat/mcp-server.js";
import { freePort } from "./free-port.js";
import { scriptedModel, type ScriptedModel } from "./scripted-model.js";

const readme = readFileSync(fileURLToPath(new URL("../../README.md", import.meta.url)), "utf8");

/** What the quick start's imports need beside this package. */
export const quickStartPeers: readonly string[] = [
  "express",
  "ai",
  "@ai-sdk/openai",
  "@ai-sdk/mcp",
  "@modelcontextprotocol/client",
];

/** A code block of the README, exactly as a reader would copy it. */
export function quickStartBlock(file: string): string {
  const found = new RegExp(`\`\`\`ts file=${file.replaceAll(".", "\\.")}\\n([\\s\\S]*?)\`\`\``).exec(
    readme,
  )?.[1];
  if (found === undefined) throw new Error(`README.md has no block ${file}`);
  return found;
}

/** The second quick start: the first one with another agent. */
export function plainSdkQuickStart(): string {
  const [imports, rest] = quickStartBlock("quick-start.ts").split("const agent = responses");
  const end = rest?.slice(rest.indexOf("const app = express();")) ?? "";
  return `${quickStartBlock("quick-start-mcp-sdk.ts")}\n${imports}\n${end}`.replace(
    /^([\s\S]*?)(const pool[\s\S]*?)(import \{ createMCPClient[\s\S]*?)(const app = express)/,
    "$1$3$2$4",
  );
}

/** An answer of the agent. */
export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly text: string;
}

/** Everything around the quick start: Entra with two people, an MCP server, a model. */
export interface QuickStartWorld {
  readonly entra: EntraEmulator;
  readonly contacts: ContactsServer;
  readonly model: ScriptedModel;
  /** Starts Node with these arguments as the agent, and waits until it listens. Resolves to its origin. */
  start(folder: string, args: readonly string[]): Promise<string>;
  /** The body is empty for a stream. */
  ask(user: string, options?: { readonly stream: boolean }): Promise<Answer>;
  close(): Promise<void>;
}

export async function startQuickStartWorld(): Promise<QuickStartWorld> {
  const entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["chat"], secrets: ["the-agents-secret"] },
      { name: "mcp", scopes: ["access_as_user"] },
    ],
    users: [{ name: "Ada" }, { name: "Grace" }],
  });
  const contacts = await startContactsServer({
    loginEndpoint: entra.cloud.loginEndpoint,
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("mcp").clientId,
    scope: "access_as_user",
    people: entra.users.map(({ oid }) => ({ oid, role: "reader", contacts: [] })),
  });
  const model = await scriptedModel([
    { tool: "whoami" },
    { text: ({ toolOutputs }) => `You are ${toolOutputs.join("")}` },
  ]);
  let agent: ChildProcess | undefined;
  let origin = "";
  return {
    entra,
    contacts,
    model,
    async start(folder, args) {
      const port = await freePort();
      origin = `http://127.0.0.1:${port}`;
      let output = "";
      const child = spawn(process.execPath, [...args], {
        cwd: folder,
        stdio: ["ignore", "pipe", "pipe"],
        env: {
          ...process.env,
          AZURE_AUTHORITY_HOST: entra.origin,
          AZURE_TENANT_ID: entra.tenants[0]?.id,
          APP_CLIENT_ID: entra.app("agent").clientId,
          APP_CLIENT_SECRET: "the-agents-secret",
          MCP_URL: contacts.url,
          MCP_CLIENT_ID: entra.app("mcp").clientId,
          CONSENT_PAGE: "http://127.0.0.1:9/consented",
          OPENAI_BASE_URL: model.baseUrl,
          OPENAI_API_KEY: "none",
          PORT: String(port),
        },
      });
      agent = child;
      child.stdout.on("data", (chunk) => (output += String(chunk)));
      child.stderr.on("data", (chunk) => (output += String(chunk)));
      for (let tries = 0; tries < 300; tries += 1) {
        if (child.exitCode !== null) throw new Error(`The quick start ended by itself: ${output}`);
        const up = await fetch(origin).then(
          () => true,
          () => false,
        );
        if (up) return origin;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`The quick start did not listen: ${output}`);
    },
    async ask(user, { stream } = { stream: false }) {
      const token = await entra.issueUserToken({ user, app: "agent" });
      const response = await fetch(`${origin}/responses`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-client-user-token": token },
        body: JSON.stringify({ input: "who am I?", stream }),
      });
      const text = await response.text();
      const body = stream ? {} : (JSON.parse(text) as Record<string, unknown>);
      return { status: response.status, body, text };
    },
    async close() {
      agent?.kill();
      await Promise.all([entra.close(), contacts.close(), model.close()]);
    },
  };
}

export const itemTypes = (body: Record<string, unknown>): unknown[] =>
  (body["output"] as { type: string }[]).map(({ type }) => type);
