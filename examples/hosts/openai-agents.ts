/**
 * An OpenAI Agents SDK agent whose MCP tools act as the person who is asking.
 *
 * `MCPServerStreamableHttp` takes a `fetch`. Its session belongs to one person, so each gets one from a pool. The
 * model is OpenAI's, or what `OPENAI_BASE_URL` and `OPENAI_API_KEY` say.
 */
import {
  Agent,
  MCPServerStreamableHttp,
  OpenAIProvider,
  Runner,
  type OpenAIProviderOptions,
} from "@openai/agents";
import { mcpClientPool, type McpClientPool, type ResponsesRun, type UserAccess } from "hosted-agent-identity";
import { agentsOutput } from "hosted-agent-identity/openai-agents";

/** The run for `responses()`, and what to call when the process stops. */
export interface HostedAgent {
  readonly run: ResponsesRun;
  close(): Promise<void>;
}

/** One agent for all people. `accesses`: what `userAccess()` returned, one for each MCP server. */
export function openAiAgent(
  accesses: readonly UserAccess[],
  openai: OpenAIProviderOptions = {},
): HostedAgent {
  const modelProvider = new OpenAIProvider({ useResponses: false, ...openai });
  // Its traces go to OpenAI, with what tools were given and answered: people's data.
  const runner = new Runner({ modelProvider, tracingDisabled: true });
  const pools = accesses.map(clientsOf);
  return {
    async *run({ input, signal }) {
      const mcpServers = await Promise.all(pools.map(serverHere));
      const agent = new Agent({
        name: "Assistant",
        model: process.env.OPENAI_MODEL ?? "gpt-5-mini",
        mcpServers,
        // Two servers may have tools of one name.
        mcpConfig: { includeServerInToolNames: true },
      });
      yield* agentsOutput(await runner.run(agent, input, { stream: true, signal }));
    },
    close: async () => void (await Promise.all(pools.map((pool) => pool.close()))),
  };
}

function clientsOf({ url, fetch, resource }: UserAccess): McpClientPool<MCPServerStreamableHttp> {
  return mcpClientPool({
    async open() {
      const server = new MCPServerStreamableHttp({ url: url.href, name: resource.serverLabel, fetch });
      await server.connect();
      return server;
    },
    close: (server) => server.close(),
  });
}

/** This person's client. One whose session the server has lost is replaced. */
async function serverHere(pool: McpClientPool<MCPServerStreamableHttp>): Promise<MCPServerStreamableHttp> {
  await pool.use((server) => server.listTools());
  // Kept until the turn has ended.
  const { client } = await pool.lease();
  return client;
}
