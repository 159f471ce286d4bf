/**
 * A Mastra agent whose MCP tools act as the person who is asking, for Node 20: @mastra/core 0.24.
 *
 * The `MCPClient` of that time (@mastra/mcp 0.14) drops the option `fetch`, so each person gets a client of the MCP
 * SDK from a pool, and its tools become Mastra's. The model is OpenAI's, or what `OPENAI_BASE_URL` and
 * `OPENAI_API_KEY` say.
 */
import { Agent } from "@mastra/core/agent";
import { createTool } from "@mastra/core/tools";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import {
  closeMcpClient,
  mcpClientPool,
  type McpClientPool,
  type ResponsesRun,
  type UserAccess,
} from "hosted-agent-identity";
import { z } from "zod";

/** The run for `responses()`, and what to call when the process stops. */
export interface HostedAgent {
  readonly run: ResponsesRun;
  close(): Promise<void>;
}

/** One agent for all people. `accesses`: what `userAccess()` returned, one for each MCP server. */
export function mastraAgent(
  accesses: readonly UserAccess[],
  { baseURL = process.env.OPENAI_BASE_URL, apiKey = process.env.OPENAI_API_KEY ?? "" } = {},
): HostedAgent {
  const agent = new Agent({
    name: "assistant",
    instructions: "Answer with what the tools find.",
    model: {
      id: `openai/${process.env.OPENAI_MODEL ?? "gpt-5-mini"}`,
      apiKey,
      ...(baseURL === undefined ? {} : { url: baseURL }),
    },
  });
  const servers = accesses.map((access) => ({
    label: access.resource.serverLabel,
    clients: clientsOf(access),
  }));
  return {
    async *run({ input, signal }) {
      const tools = servers.map(async ({ label, clients }) => [label, await toolsOf(label, clients)]);
      const toolsets = Object.fromEntries(await Promise.all(tools));
      const stream = await agent.stream(input, { toolsets, abortSignal: signal });
      yield* stream.textStream;
      if (stream.error !== undefined) throw stream.error;
      // What Mastra says of a stream that was cut.
      const reason = (await stream.finishReason) ?? "unknown";
      if (["other", "unknown"].includes(reason)) throw new Error("The model's answer was cut.");
    },
    close: async () => void (await Promise.all(servers.map(({ clients }) => clients.close()))),
  };
}

function clientsOf({ url, fetch }: UserAccess): McpClientPool<Client> {
  return mcpClientPool({
    async open({ principalKey }) {
      const client = new Client({ name: "mastra-agent", version: "1.0.0" }, { cachePartition: principalKey });
      await client.connect(new StreamableHTTPClientTransport(url, { fetch }));
      return client;
    },
    close: closeMcpClient,
  });
}

/** The tools that the person sees. Each call takes their client, and a new one if its session is gone. */
async function toolsOf(label: string, clients: McpClientPool<Client>) {
  const { tools } = await clients.use((client) => client.listTools());
  return Object.fromEntries(
    tools.map(({ name, description = "", inputSchema }) => [
      // Two servers may have a tool of the same name.
      `${label}_${name}`,
      createTool({
        id: `${label}_${name}`,
        description,
        inputSchema: z.fromJSONSchema(inputSchema as Parameters<typeof z.fromJSONSchema>[0]),
        execute: ({ context }, { abortSignal: signal } = {}) =>
          clients.use((client) =>
            client.callTool({ name, arguments: context as Record<string, unknown> }, { signal }),
          ),
      }),
    ]),
  );
}
