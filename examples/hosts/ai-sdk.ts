/**
 * A Vercel AI SDK agent whose MCP tools act as the person who is asking.
 *
 * The AI SDK's own MCP client takes a `fetch`. Its session belongs to one person, so each gets a client from a pool.
 * The model is OpenAI's, or what `OPENAI_BASE_URL` and `OPENAI_API_KEY` say.
 */
import { createMCPClient, type MCPClient } from "@ai-sdk/mcp";
import { createOpenAI, type OpenAIProviderSettings } from "@ai-sdk/openai";
import { stepCountIs, streamText, type ToolSet } from "ai";
import { mcpClientPool, type McpClientPool, type ResponsesRun, type UserAccess } from "hosted-agent-identity";
import { aiSdkOutput } from "hosted-agent-identity/ai-sdk";

/** The run for `responses()`, and what to call when the process stops. */
export interface HostedAgent {
  readonly run: ResponsesRun;
  close(): Promise<void>;
}

/** One agent for all people. `accesses`: what `userAccess()` returned, one for each MCP server. */
export function aiSdkAgent(
  accesses: readonly UserAccess[],
  openai: OpenAIProviderSettings = {},
): HostedAgent {
  const model = createOpenAI(openai).chat(process.env.OPENAI_MODEL ?? "gpt-5-mini");
  const servers = accesses.map((access) => ({ label: access.resource.serverLabel, pool: clientsOf(access) }));
  return {
    async *run({ input, signal }) {
      const tools = (await Promise.all(servers.map(({ label, pool }) => toolsOf(label, pool)))).flat();
      const result = streamText({
        model,
        prompt: input,
        tools: Object.fromEntries(tools),
        stopWhen: stepCountIs(10),
        // A missing consent aborts it: no further request to the model.
        abortSignal: signal,
        // Without it the AI SDK prints errors. They fail the turn, so `onError` of `responses()` has them.
        onError: () => {},
      });
      yield* aiSdkOutput(result);
    },
    close: async () => void (await Promise.all(servers.map(({ pool }) => pool.close()))),
  };
}

function clientsOf({ url, fetch }: UserAccess): McpClientPool<MCPClient> {
  return mcpClientPool({
    open: () => createMCPClient({ transport: { type: "http", url: url.href, fetch } }),
    close: (client) => client.close(),
  });
}

/** The tools of one server, with its label before their names, which two servers may share. */
async function toolsOf(label: string, pool: McpClientPool<MCPClient>): Promise<[string, ToolSet[string]][]> {
  // A client whose session the server has lost is replaced here. The lease keeps it until the turn has ended.
  const tools = await pool.use((client) => client.tools());
  await pool.lease();
  return Object.entries(tools).map(([name, tool]) => [`${label}_${name}`, tool as ToolSet[string]]);
}
