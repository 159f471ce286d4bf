/**
 * A tool loop of one's own with the client of MCP SDK v2, whose tools act as the person who is asking.
 *
 * The transport takes a `fetch`. Its session belongs to one person, so each gets a client from a pool. The model is
 * OpenAI's, or what `OPENAI_BASE_URL` and `OPENAI_API_KEY` say.
 */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import {
  closeMcpClient,
  mcpClientPool,
  type McpClientPool,
  type ResponsesRun,
  type UserAccess,
} from "hosted-agent-identity";
import OpenAI, { type ClientOptions } from "openai";
import { toolLoop, type LoopTool } from "./tool-loop.js";

/** The run for `responses()`, and what to call when the process stops. */
export interface HostedAgent {
  readonly run: ResponsesRun;
  close(): Promise<void>;
}

/** One agent for all people. `accesses`: what `userAccess()` returned, one for each MCP server. */
export function mcpSdkV2Agent(accesses: readonly UserAccess[], options: ClientOptions = {}): HostedAgent {
  const openai = new OpenAI(options);
  const servers = accesses.map((access) => ({ label: access.resource.serverLabel, pool: clientsOf(access) }));
  return {
    async *run({ input, signal }) {
      const tools = await Promise.all(servers.map(({ label, pool }) => toolsOf(label, pool, signal)));
      yield* toolLoop(openai, input, tools.flat(), signal);
    },
    close: async () => void (await Promise.all(servers.map(({ pool }) => pool.close()))),
  };
}

function clientsOf({ url, fetch }: UserAccess): McpClientPool<Client> {
  return mcpClientPool({
    async open({ principalKey }) {
      // What the client keeps of answers is this person's.
      const client = new Client({ name: "agent", version: "1.0.0" }, { cachePartition: principalKey });
      await client.connect(new StreamableHTTPClientTransport(url, { fetch }));
      return client;
    },
    close: closeMcpClient,
  });
}

/** Each call takes the person's client, and a new one if the server has lost its session. */
async function toolsOf(label: string, pool: McpClientPool<Client>, signal: AbortSignal): Promise<LoopTool[]> {
  const { tools } = await pool.use((client) => client.listTools());
  return tools.map(({ name, description = "", inputSchema }) => ({
    // Two servers may have a tool of one name.
    name: `${label}_${name}`,
    description,
    parameters: inputSchema,
    call: async (args) => {
      const { content } = await pool.use((client) => client.callTool({ name, arguments: args }, { signal }));
      return content;
    },
  }));
}
