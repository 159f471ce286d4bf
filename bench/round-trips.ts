import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import {
  closeMcpClient,
  mcpClientPool,
  onBehalfOf,
  protectedResource,
  runWithUserContext,
  userAccess,
  type UserAccess,
} from "hosted-agent-identity";
import { networkTo } from "./network.js";
import { app } from "./ours.js";
import { contextOf, mcpApp, person, scope } from "./people.js";
import type { Row } from "./table.js";
import { tokenEndpoint } from "./token-endpoint.js";

/**
 * Requests that Entra and the MCP server have seen when the first result of a tool is there. The client of SDK v2 asks
 * one thing after the other, so each is a round trip. What it costs to send a token that never changes is the floor.
 */
export async function roundTrips(): Promise<readonly Row[]> {
  const entra = await tokenEndpoint();
  const mcp = await countingServer();
  const source = onBehalfOf(app(networkTo(entra.origin)));
  const resource = protectedResource({
    url: mcp.url,
    serverLabel: "bench",
    scopes: [scope],
    audiences: [mcpApp],
  });
  const contacts = userAccess(resource, [source]);
  const pool = mcpClientPool({ open: () => connected(mcp.url, contacts), close: closeMcpClient });
  const count = async (turn: () => Promise<unknown>): Promise<number> => {
    const before = entra.posts() + mcp.requests();
    const context = contextOf(person(1));
    await runWithUserContext(context, turn);
    context.end();
    return entra.posts() + mcp.requests() - before;
  };
  const ownClient = (access?: UserAccess) => async (): Promise<void> => {
    const client = await connected(mcp.url, access);
    await toolResult(client);
    await client.close();
  };
  const floor = await count(ownClient());
  const cold = await count(ownClient(contacts));
  const next = await count(ownClient(contacts));
  const pooled = (): Promise<unknown> => pool.use(toolResult);
  const opened = await count(pooled);
  const again = await count(pooled);
  await pool.close();
  await contacts.close();
  await mcp.close();
  await entra.close();
  const row = (which: string, budget: number, ours: number, note?: string): Row => ({
    what: `round trips before the first tool result, ${which}`,
    unit: "requests",
    budget,
    ours,
    ...(note === undefined ? {} : { note }),
  });
  return [
    row(
      "first turn of a person",
      4,
      cold,
      `one to Entra. ${floor} with a header that never changes: the client asks for a stream then, too, which ours declines by itself.`,
    ),
    row("next turn of the same person, a client of its own", 3, next),
    row("first turn with a pool", 4, opened),
    row("next turn with a pool", 1, again),
  ];
}

async function connected(url: URL, access: UserAccess | undefined): Promise<Client> {
  const client = new Client({ name: "bench", version: "1.0.0" });
  const options =
    access === undefined
      ? { requestInit: { headers: { authorization: "Bearer static" } } }
      : { fetch: access.fetch };
  await client.connect(new StreamableHTTPClientTransport(url, options));
  return client;
}

function toolResult(client: Client): Promise<unknown> {
  return client.callTool({ name: "whoami", arguments: {} });
}

async function countingServer() {
  const handler = toNodeHandler(
    createMcpHandler(() => {
      const server = new McpServer({ name: "bench", version: "1.0.0" }, { capabilities: { tools: {} } });
      server.registerTool("whoami", {}, async () => ({ content: [{ type: "text", text: "the caller" }] }));
      return server;
    }),
  );
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    void handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`),
    requests: () => requests,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}
