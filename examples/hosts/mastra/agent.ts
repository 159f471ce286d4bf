/**
 * A Mastra agent whose MCP tools act as the person who is asking: @mastra/mcp 2, which needs Node 22.13.
 *
 * Each person gets an `MCPClient` from a pool: an MCP session belongs to who opened it. The model is OpenAI's, or
 * what `OPENAI_BASE_URL` and `OPENAI_API_KEY` say.
 */
import { Agent } from "@mastra/core/agent";
import { MCPClient } from "@mastra/mcp";
import { mcpClientPool, type ResponsesRun, type UserAccess } from "hosted-agent-identity";

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
    id: "assistant",
    name: "assistant",
    instructions: "Answer with what the tools find.",
    model: {
      id: `openai/${process.env.OPENAI_MODEL ?? "gpt-5-mini"}`,
      apiKey,
      ...(baseURL === undefined ? {} : { url: baseURL }),
    },
  });
  const clients = mcpClientPool({
    open: async ({ principalKey }) =>
      new MCPClient({
        id: principalKey,
        servers: Object.fromEntries(
          accesses.map(({ url, fetch, resource }) => [resource.serverLabel, { url, fetch }]),
        ),
      }),
    close: (client) => client.disconnect(),
  });
  return {
    async *run({ input, signal }) {
      const { client } = await clients.lease();
      const toolsets = { mcp: await toolsOf(client) };
      const stream = await agent.stream(input, { toolsets, abortSignal: signal });
      yield* stream.textStream;
      if (stream.error !== undefined) throw stream.error;
      // What Mastra says of a stream that was cut.
      const reason = (await stream.finishReason) ?? "unknown";
      if (["other", "unknown"].includes(reason)) throw new Error("The model's answer was cut.");
    },
    close: () => clients.close(),
  };
}

/** `listTools()` leaves out the server that fails, and never opens a new session for one that the server has lost. */
async function toolsOf(client: MCPClient): ReturnType<MCPClient["listTools"]> {
  let found = await client.listToolsWithErrors();
  const gone = Object.entries(found.errorDetails).filter(([, { code }]) => code === "mcp_session_lost");
  for (const [server] of gone) await client.reconnectServer(server);
  if (gone.length > 0) found = await client.listToolsWithErrors();
  const failed = Object.keys(found.errors);
  if (failed.length > 0) throw new Error(`No tools of ${failed.join(", ")}.`);
  return found.tools;
}
