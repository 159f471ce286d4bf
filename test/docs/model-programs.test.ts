import { createServer } from "node:http";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import express from "express";
import {
  mcpClientPool,
  protectedResource,
  responses,
  runWithUserContext,
  userAccess,
  type McpClientPool,
  type ResponsesRun,
  type UserAccess,
} from "hosted-agent-identity";
import { userContext } from "hosted-agent-identity/express";
import { startChatModel, type ChatModel } from "../hosts/chat-model.js";
import { listening } from "../support/listening.js";
import { hurryRetries, modelFailures } from "../support/model-failures.js";
import { startMcpServer } from "../support/mcp-servers.js";
import { nobodyKnown } from "../support/responses-hosts.js";
import { scriptedModel, type ScriptedModel } from "../support/scripted-model.js";
import { contextOf, testIssuer } from "../support/test-users.js";

/**
 * Every program in README, guides, reference and examples that calls a model: it has to end its turn `failed` when the
 * model fails, streamed and plain. They are found by what they import, so a new one fails here until it is tried.
 */
interface Program {
  /** File, and for a block the name that it gives its reader: what it exports first, or its `file=`. */
  readonly at: string;
  readonly code: string;
}

/** How a program is tried: here, in a test of its own, or not at all, because it calls no model. */
type Trial =
  | { readonly handler: (module: Exports, tools: Tools) => Handler; readonly wire: "responses" | "chat" }
  | { readonly test: string; readonly shows: string }
  | { readonly callsNoModel: string };

type Exports = Readonly<Record<string, unknown>>;

/** Answers `POST /responses` as one person. */
type Handler = (request: Request) => Promise<Response>;

/** An MCP server as the person who asks, in the forms that the guide's programs take. */
interface Tools {
  readonly contacts: UserAccess;
  readonly pool: McpClientPool<Client>;
}

const host = (file: string, test: string): [string, Trial] => [
  `examples/hosts/${file}`,
  { test: `test/hosts/${test}.test.ts`, shows: `examples/hosts/${file.replace(/ts$/, "js")}` },
];

const trials = new Map<string, Trial>([
  [
    "README.md quick-start.ts",
    { test: "test/package/quick-start.test.ts", shows: 'quickStartBlock("quick-start.ts")' },
  ],
  [
    "docs/guides/hosts.md openAiRun",
    { handler: (module, { contacts }) => runOf(module["openAiRun"], contacts), wire: "responses" },
  ],
  [
    "docs/guides/hosts.md aiSdkRun",
    { handler: (module, { contacts }) => runOf(module["aiSdkRun"], contacts), wire: "responses" },
  ],
  [
    "docs/guides/hosts.md langChainRun",
    { handler: (module, { pool }) => runOf(module["langChainRun"], pool), wire: "chat" },
  ],
  [
    "docs/guides/turns.md toolLoop",
    { handler: (module) => runOf(module["toolLoop"], async () => "done"), wire: "responses" },
  ],
  ["src/turn/frameworks/ai-sdk.ts agent", { handler: expressHandler, wire: "responses" }],
  ["src/turn/frameworks/openai-agents.ts agent", { handler: expressHandler, wire: "responses" }],
  ["docs/guides/consent-in-clients.md go-on.ts", { callsNoModel: "it calls an agent" }],
  ["src/consent/read-consent-requests.ts ask", { callsNoModel: "it calls an agent" }],
  host("ai-sdk.ts", "ai-sdk"),
  host("openai-agents.ts", "openai-agents"),
  host("langchain.ts", "langchain"),
  host("mcp-sdk-v1.ts", "mcp-sdks"),
  host("mcp-sdk-v2.ts", "mcp-sdks"),
  ["examples/hosts/mastra/agent.ts", { test: "test/hosts/mastra.test.ts", shows: '"mastra"' }],
  ["examples/hosts/mastra-node20/agent.ts", { test: "test/hosts/mastra.test.ts", shows: '"mastra-node20"' }],
  [
    "examples/foundry-agent/main.ts",
    { test: "test/examples/foundry-agent.test.ts", shows: "examples/foundry-agent/main.ts" },
  ],
]);

const root = fileURLToPath(new URL("../..", import.meta.url));
const programs = [...blocks(), ...files()].filter(({ code }) => callsModel(code));

/** Whether a program has the value of a package that calls models, not only its types. */
function callsModel(code: string): boolean {
  const packages =
    /^(ai|openai|langchain|@ai-sdk\/openai|@langchain\/openai|@openai\/agents|@mastra\/core)(\/|$)/;
  return [...code.matchAll(/^import (type )?[^;]*? from "([^"]+)";/gm)].some(
    ([, type, name = ""]) => type === undefined && packages.test(name),
  );
}

function blocks(): Program[] {
  const guides = readdirSync(join(root, "docs/guides")).map((file) => `docs/guides/${file}`);
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `src/${file}`);
  return ["README.md", ...guides, ...sources].flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8").replaceAll(/^ \* ?/gm, "");
    return [...text.matchAll(/^```(?:ts|typescript)(?: file=(\S+))?\n([\s\S]*?)^```/gm)].map(
      ([, name, code = ""]) => ({ at: `${file} ${name ?? exported(code)}`, code }),
    );
  });
}

function exported(code: string): string {
  return /^export (?:async )?(?:function|const) (\w+)/m.exec(code)?.[1] ?? code.split("\n", 1)[0] ?? "";
}

function files(): Program[] {
  return readdirSync(join(root, "examples"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.includes("node_modules"))
    .map((file) => ({
      at: `examples/${file}`,
      code: readFileSync(join(root, "examples", file), "utf8"),
    }));
}

it("every program that calls a model is tried with one that fails", () => {
  expect(programs.map(({ at }) => at).toSorted()).toEqual([...trials.keys()].toSorted());
});

const tried = [...trials].flatMap(([at, trial]) => ("handler" in trial ? [[at, trial] as const] : []));
const elsewhere = [...trials].flatMap(([at, trial]) => ("test" in trial ? [[at, trial] as const] : []));

it.each(elsewhere)("%s has a test of its own, which tries them all", (_, { test, shows }) => {
  expect(existsSync(join(root, test))).toBe(true);
  const text = readFileSync(join(root, test), "utf8");
  expect(text).toContain(shows);
  expect(text).toMatch(/modelFailures|describeAgent\(/);
});

/** One of each: packages read the address of their model when they are loaded. */
let responsesModel: ScriptedModel;
let chatModel: ChatModel;
beforeAll(async () => {
  responsesModel = await scriptedModel([{ text: () => "Here you are." }]);
  chatModel = await startChatModel(async () => {});
});
afterAll(async () => {
  await responsesModel.close();
  await chatModel.close();
});
const requests = (): number => responsesModel.requests.length + chatModel.requests.length;

describe.each(tried)("%s", (at, { handler, wire }) => {
  let folder: string;
  let asked: number;
  let stops: (() => unknown)[] = [];
  let ask: (stream: boolean) => Promise<Response>;

  beforeAll(() => {
    folder = mkdtempSync(join(root, "test", ".programs-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeEach(async () => {
    for (const method of ["error", "warn"] as const) vi.spyOn(console, method).mockImplementation(() => {});
    responsesModel.fail();
    chatModel.fail();
    asked = requests();
    vi.stubEnv("OPENAI_BASE_URL", wire === "chat" ? chatModel.baseURL : responsesModel.baseUrl);
    vi.stubEnv("OPENAI_API_KEY", "none");
    const issuer = testIssuer();
    const server = await startMcpServer({ kind: "v1-sessions", whose: issuer.whose });
    const resource = {
      url: server.url,
      serverLabel: "contacts",
      scopes: ["api://c/a"],
      audiences: ["api://c"],
    };
    const contacts = userAccess(protectedResource(resource), [issuer.source]);
    const pool = mcpClientPool({
      async open() {
        const client = new Client({ name: "agent", version: "1.0.0" });
        await client.connect(new StreamableHTTPClientTransport(contacts.url, { fetch: contacts.fetch }));
        return client;
      },
      close: (client) => client.close(),
    });
    stops = [server.close, () => contacts.close(), () => pool.close()];
    const file = join(folder, "program.ts");
    writeFileSync(file, `${programs.find((program) => program.at === at)?.code}\nexport {};\n`);
    const handle = handler((await import(file)) as Exports, { contacts, pool });
    ask = (stream) => {
      const body = JSON.stringify({ input: ":whoami", stream });
      const headers = { "content-type": "application/json" };
      const request = new Request("http://127.0.0.1/responses", { method: "POST", headers, body });
      return runWithUserContext(contextOf("ada"), () => handle(request));
    };
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    for (const stop of stops.toReversed()) await stop();
  });

  it("answers where the model does", async () => {
    const response = await (await ask(false)).json();
    expect(response).toMatchObject({ status: "completed" });
    expect(response.output.at(-1)).toMatchObject({ type: "message" });
    expect(requests() - asked).toBeGreaterThan(0);
  });

  it.each(modelFailures)("fails where the model %s, streamed and plain", async (failure) => {
    hurryRetries();
    responsesModel.fail(failure);
    chatModel.fail(failure);
    const events = await (await ask(true)).text();
    expect(events).toMatch(/"type":"response\.failed".*\n\n$/);
    expect(await (await ask(false)).json()).toMatchObject({ status: "failed" });
    expect(requests() - asked).toBeGreaterThan(1);
  });
});

/** The guide's programs make a run of what the reader has. */
function runOf(make: unknown, tools: unknown): Handler {
  return responses((make as (tools: unknown) => ResponsesRun)(tools));
}

/** The reference's programs export the handler of Express. */
function expressHandler({ agent }: Exports): Handler {
  return async (request) => {
    const app = express().post("/responses", userContext(nobodyKnown), agent as express.RequestHandler);
    const host = await listening(createServer(app));
    const answer = await fetch(`${host.url}/responses`, {
      method: "POST",
      headers: request.headers,
      body: await request.text(),
    });
    const body = await answer.text();
    await host.close();
    return new Response(body, answer);
  };
}
