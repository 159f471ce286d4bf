import { createServer } from "node:http";
import { createMCPClient } from "@ai-sdk/mcp";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, inputRequired, McpServer } from "@modelcontextprotocol/server";
import { McpServer as McpServerV1 } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { UrlElicitationRequiredError } from "@modelcontextprotocol/sdk/types.js";
import {
  closeMcpClient,
  findConsentRequired,
  mcpClientPool,
  runWithUserContext,
} from "hosted-agent-identity";
import { runTurn } from "hosted-agent-identity/turn";
import { testUserContext } from "hosted-agent-identity/testing";
import { afterEach, expect, it } from "vitest";
import { accessTo } from "../support/eliciting-server.js";
import { listening } from "../support/listening.js";
import { openClient, type RealClient } from "../support/mcp-clients.js";

const link = "https://gateway.example/connect/abc123SECRETLINK";
const allowed = ["https://gateway.example/connect/"];

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** SDK v2's own server, which asks for a URL only where the request declares that its client takes one. */
async function startV2(): Promise<string> {
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: "gateway", version: "1" });
    const ask = () =>
      inputRequired({
        inputRequests: { a: inputRequired.elicitUrl({ message: "Connect", url: link }) },
        requestState: "state",
      });
    server.registerTool("issues", { description: "Lists issues" }, async () => ask());
    server.registerPrompt("plan", { description: "Plans" }, async () => ask());
    server.registerResource("file", "me://file", {}, async () => ask());
    return server;
  });
  const host = await listening(createServer(toNodeHandler(handler)));
  closers.push(host.close);
  return `${host.url}/mcp`;
}

/**
 * SDK v1's own server. `how`: by an error, or in a request of its own while the call runs, in the answer to the call
 * or on the stream that the client holds open.
 */
async function startV1(
  how: "error" | "request" | "standalone",
): Promise<{ url: string; outcomes: unknown[]; replies: number }> {
  const outcomes: unknown[] = [];
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const opened = async (): Promise<StreamableHTTPServerTransport> => {
    const server = new McpServerV1({ name: "gateway", version: "1" });
    server.registerTool("issues", { description: "Lists issues" }, async (extra) => {
      const asked = { mode: "url" as const, elicitationId: "e1", url: link, message: "Connect" };
      if (how === "error") throw new UrlElicitationRequiredError([asked]);
      const related = how === "standalone" ? {} : { relatedRequestId: extra.requestId };
      const outcome = await server.server.elicitInput(asked, { timeout: 20_000, ...related });
      outcomes.push(outcome);
      return { content: [{ type: "text", text: outcome.action }] };
    });
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, transport),
    });
    await server.connect(transport as Parameters<typeof server.connect>[0]);
    return transport;
  };
  const host = await listening(
    createServer((request, response) => {
      const known = sessions.get(String(request.headers["mcp-session-id"]));
      void (known === undefined ? opened() : Promise.resolve(known)).then(async (transport) => {
        const pieces: Buffer[] = [];
        for await (const piece of request) pieces.push(piece as Buffer);
        const body = pieces.length === 0 ? undefined : JSON.parse(Buffer.concat(pieces).toString());
        if (body !== undefined && body.method === undefined) started.replies += 1;
        await transport.handleRequest(request, response, body);
      });
    }),
  );
  closers.push(host.close);
  const started = { url: `${host.url}/mcp`, outcomes, replies: 0 };
  return started;
}

const asks: Readonly<Record<string, (client: RealClient) => Promise<unknown>>> = {
  "tools/call": (client) => client.callTool({ name: "issues", arguments: {} }),
  "resources/read": (client) => client.readResource({ uri: "me://file" }),
  "prompts/get": (client) => client.getPrompt({ name: "plan" }),
};

it.each(Object.keys(asks))(
  "SDK v2's server asks a client that declares nothing, in %s, and the turn ends with the card",
  async (method) => {
    const url = await startV2();
    const contacts = accessTo(url, allowed);
    closers.push(contacts.close);
    let failure: unknown;
    const result = await runWithUserContext(testUserContext(), () =>
      runTurn(async () => {
        const client = await openClient("v2-modern", contacts.url, { fetch: contacts.fetch });
        failure = await asks[method]?.(client).catch((error: unknown) => error);
        await client.close();
      }),
    );
    expect(result).toMatchObject({
      status: "consent_required",
      requests: [{ link, serverLabel: "gateway", reason: "elicitation" }],
    });
    // The turn ends before the run's last step has.
    await expect.poll(() => findConsentRequired(failure)).toBeDefined();
    expect(String(failure)).not.toContain("SECRETLINK");
  },
);

it("SDK v2's server asks nothing of a resource without the option, which is said", async () => {
  const url = await startV2();
  const contacts = accessTo(url);
  closers.push(contacts.close);
  await runWithUserContext(testUserContext(), async () => {
    const client = await openClient("v2-modern", contacts.url, { fetch: contacts.fetch });
    await expect(client.callTool({ name: "issues", arguments: {} })).rejects.toMatchObject({
      code: "elicitation_not_allowed",
    });
    await client.close();
  });
});

it.each(["v1", "v2-legacy"] as const)("SDK v1's server asks by -32042 (%s)", async (kind) => {
  const { url } = await startV1("error");
  const contacts = accessTo(url, allowed);
  closers.push(contacts.close);
  const context = testUserContext();
  await runWithUserContext(context, async () => {
    const client = await openClient(kind, contacts.url, { fetch: contacts.fetch });
    const failure: unknown = await client.callTool({ name: "issues", arguments: {} }).catch((error) => error);
    expect(findConsentRequired(failure)?.requests).toMatchObject([{ link, reason: "elicitation" }]);
    expect(String(failure)).not.toContain("SECRETLINK");
    await client.close();
  });
});

it("SDK v1's server asks while its tool runs, and hears that the user has not been asked", async () => {
  const { url, outcomes } = await startV1("request");
  const contacts = accessTo(url, allowed);
  closers.push(contacts.close);
  const context = testUserContext();
  await runWithUserContext(context, async () => {
    const client = await openClient("v1", contacts.url, { fetch: contacts.fetch });
    const failure: unknown = await client.callTool({ name: "issues", arguments: {} }).catch((error) => error);
    expect(findConsentRequired(failure)?.requests).toMatchObject([{ link, reason: "elicitation" }]);
    await expect.poll(() => outcomes).toEqual([{ action: "cancel" }]);
    await client.close();
  });
});

it("SDK v1's server asks on the stream of a pooled client: the one turn with a call gets the card", async () => {
  const server = await startV1("standalone");
  const contacts = accessTo(server.url, allowed);
  const pool = mcpClientPool({
    open: () => openClient("v1", contacts.url, { fetch: contacts.fetch }),
    close: closeMcpClient,
  });
  closers.push(contacts.close, pool.close);
  const context = testUserContext();
  const result = await runWithUserContext(context, () =>
    runTurn(() =>
      pool.use(async (client) => void (await client.callTool({ name: "issues", arguments: {} }))),
    ),
  );
  expect(result).toMatchObject({ status: "consent_required", requests: [{ link, reason: "elicitation" }] });
  await expect.poll(() => server.outcomes).toEqual([{ action: "cancel" }]);
  context.end();
  // Anybody else's turn is asked nothing, and the server is answered once.
  const other = testUserContext({ oid: "22222222-2222-4222-8222-222222222222" });
  await runWithUserContext(other, () => pool.use(async (client) => void (await client.listTools())));
  expect(other.consentRequests).toEqual([]);
  expect(server.replies).toBe(1);
});

it("the AI SDK's client gives its model no word of the link", async () => {
  const { url } = await startV1("error");
  const contacts = accessTo(url, allowed);
  closers.push(contacts.close);
  let told = "";
  const result = await runWithUserContext(testUserContext(), () =>
    runTurn(async () => {
      const client = await createMCPClient({ transport: { type: "http", url, fetch: contacts.fetch } });
      const tools = await client.tools();
      const options = { toolCallId: "1", messages: [] };
      told = await Promise.resolve(tools["issues"]?.execute?.({}, options)).then(JSON.stringify, String);
      await client.close();
    }),
  );
  expect(result).toMatchObject({ status: "consent_required", requests: [{ link }] });
  expect(told).not.toContain("SECRETLINK");
});
