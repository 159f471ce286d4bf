import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { onBehalfOf, protectedResource, runWithUserContext, userAccess } from "hosted-agent-identity";
import { networkTo } from "./network.js";
import { app, withoutNetwork } from "./ours.js";
import { contextOf, jwt, mcpApp, person, scope } from "./people.js";
import { median } from "./statistics.js";
import type { Row } from "./table.js";

const rounds = 30;
const each = 60;

/** What an MCP `tools/call` costs more when it carries the user's token instead of a header that never changes. */
export async function mcpCall(): Promise<readonly Row[]> {
  const { server, url } = await mcpServer();
  const entra = app(networkTo(url.origin));
  const resource = protectedResource({
    url,
    serverLabel: "bench",
    scopes: [scope],
    audiences: [mcpApp],
  });
  const contacts = userAccess(resource, [withoutNetwork(onBehalfOf(entra))]);
  const elicitation = { allowedLinks: ["https://bench.example.com/connect/"] };
  const asking = userAccess(protectedResource({ ...resource, elicitation }), [
    withoutNetwork(onBehalfOf(entra)),
  ]);
  const context = contextOf(person(1));
  const headers = { authorization: `Bearer ${jwt({ oid: person(1).oid })}` };
  const fixed = new StreamableHTTPClientTransport(url, { requestInit: { headers } });
  const control = new StreamableHTTPClientTransport(url, { requestInit: { headers } });
  const carried = new StreamableHTTPClientTransport(url, { fetch: contacts.fetch });
  const declaring = new StreamableHTTPClientTransport(url, { fetch: asking.fetch });
  const clients = {
    fixed: await connected(fixed),
    control: await connected(control),
    ours: await runWithUserContext(context, () => connected(carried)),
    elicitation: await runWithUserContext(context, () => connected(declaring)),
  };
  const calls = {
    fixed: () => whoami(clients.fixed),
    control: () => whoami(clients.control),
    ours: () => runWithUserContext(context, () => whoami(clients.ours)),
    elicitation: () => runWithUserContext(context, () => whoami(clients.elicitation)),
  };
  const { ours, elicitation: declared, control: noise } = await overhead(calls);
  await runWithUserContext(context, () => Promise.all([clients.ours.close(), clients.elicitation.close()]));
  await Promise.all([clients.fixed.close(), clients.control.close(), contacts.close(), asking.close()]);
  server.closeAllConnections();
  server.close();
  return [
    {
      what: "MCP tools/call on loopback, over a static header p50",
      unit: "%",
      budget: 3,
      ours,
      note: `two clients with the same static header differ by ${noise.toFixed(1)} % in the same rounds.`,
    },
    {
      what: "the same, with elicitation.allowedLinks p50",
      unit: "%",
      budget: 6,
      ours: declared,
      note: "declares elicitation.url in the body, and looks at the answer.",
    },
  ];
}

type Kind = "fixed" | "control" | "ours" | "elicitation";
type Calls = Readonly<Record<Kind, () => Promise<unknown>>>;

/**
 * In percent of the median over both clients with a header that never changes. Every call stands beside one of each other kind, in changing
 * order, so that the machine's noise meets all alike.
 */
async function overhead(calls: Calls): Promise<Readonly<Record<Exclude<Kind, "fixed">, number>>> {
  const found = { ours: [] as number[], elicitation: [] as number[], control: [] as number[] };
  const orders = [
    ["fixed", "ours", "control", "elicitation"],
    ["ours", "control", "elicitation", "fixed"],
    ["control", "elicitation", "fixed", "ours"],
    ["elicitation", "fixed", "ours", "control"],
  ] as const;
  for (let round = 0; round <= rounds; round += 1) {
    const samples: Record<Kind, number[]> = { fixed: [], control: [], ours: [], elicitation: [] };
    for (let number = 0; number < each; number += 1) {
      for (const kind of orders[number % orders.length] ?? orders[0]) {
        const started = performance.now();
        await calls[kind]();
        samples[kind].push(performance.now() - started);
      }
    }
    // The first round compiles.
    if (round === 0) continue;
    const base = median([...samples.fixed, ...samples.control]);
    for (const kind of ["ours", "elicitation"] as const)
      found[kind].push((median(samples[kind]) / base - 1) * 100);
    found.control.push((median(samples.control) / median(samples.fixed) - 1) * 100);
  }
  return {
    ours: median(found.ours),
    elicitation: median(found.elicitation),
    control: median(found.control),
  };
}

async function connected(transport: StreamableHTTPClientTransport): Promise<Client> {
  const client = new Client({ name: "bench", version: "1.0.0" });
  await client.connect(transport);
  return client;
}

function whoami(client: Client): Promise<unknown> {
  return client.callTool({ name: "whoami", arguments: {} });
}

async function mcpServer(): Promise<{ server: Server; url: URL }> {
  const handler = toNodeHandler(createMcpHandler(people));
  const server = createServer((request, response) => void handler(request, response));
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`) };
}

function people(): McpServer {
  const server = new McpServer({ name: "bench", version: "1.0.0" }, { capabilities: { tools: {} } });
  server.registerTool("whoami", {}, async () => ({ content: [{ type: "text", text: "the caller" }] }));
  return server;
}
