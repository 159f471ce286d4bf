/**
 * A LangChain agent whose MCP tools act as the person who is asking.
 *
 * `loadMcpTools` takes a client of MCP SDK v1 and no `fetch`, so each person gets a client from a pool. The model is
 * OpenAI's, or what `OPENAI_BASE_URL` and `OPENAI_API_KEY` say.
 */
import { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { AIMessageChunk } from "@langchain/core/messages";
import { loadMcpTools } from "@langchain/mcp-adapters";
import { ChatOpenAI } from "@langchain/openai";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  closeMcpClient,
  mcpClientPool,
  type McpClientPool,
  type ResponsesRun,
  type UserAccess,
} from "hosted-agent-identity";
import { createAgent } from "langchain";

/** The run for `responses()`, and what to call when the process stops. */
export interface HostedAgent {
  readonly run: ResponsesRun;
  close(): Promise<void>;
}

/** One agent for all people. `accesses`: what `userAccess()` returned, one for each MCP server. */
export function langChainAgent(
  accesses: readonly UserAccess[],
  { baseURL = process.env.OPENAI_BASE_URL, apiKey = process.env.OPENAI_API_KEY } = {},
): HostedAgent {
  const servers = accesses.map((access) => ({ label: access.resource.serverLabel, pool: clientsOf(access) }));
  const model = new ChatOpenAI({
    model: process.env.OPENAI_MODEL ?? "gpt-5-mini",
    apiKey,
    streaming: true,
    configuration: { baseURL },
  });
  return {
    async *run({ input, signal }) {
      const tools = await Promise.all(
        servers.map(({ label, pool }) =>
          // Two servers may have a tool of the same name.
          loadMcpTools(label, clientOf(pool), { prefixToolNameWithServerName: true }),
        ),
      );
      const agent = createAgent({ model, tools: tools.flat() });
      const messages = [{ role: "user", content: input }];
      const stream = await agent.stream(
        { messages },
        { streamMode: "messages", signal, callbacks: [wholeAnswers] },
      );
      for await (const [chunk] of stream) {
        if (AIMessageChunk.isInstance(chunk)) yield chunk.text;
      }
    },
    close: async () => void (await Promise.all(servers.map(({ pool }) => pool.close()))),
  };
}

/** LangChain takes a stream that was cut for a whole answer. Whether the model said that it is done is shown only here. */
const wholeAnswers = BaseCallbackHandler.fromMethods({
  handleLLMEnd({ generations }) {
    if (generations.at(-1)?.at(-1)?.generationInfo?.["finish_reason"] === undefined)
      throw new Error("The model's stream ended before its answer was finished.");
  },
});
// Else LangChain only prints what it throws.
wholeAnswers.raiseError = true;
wholeAnswers.awaitHandlers = true;

function clientsOf({ url, fetch }: UserAccess): McpClientPool<Client> {
  return mcpClientPool({
    async open() {
      const client = new Client({ name: "langchain-agent", version: "1.0.0" });
      await client.connect(new StreamableHTTPClientTransport(url, { fetch }));
      return client;
    },
    close: closeMcpClient,
  });
}

/** What LangChain calls. Each call takes the client of the person it is for, and a new one if the session is gone. */
function clientOf(pool: McpClientPool<Client>): Client {
  return {
    listTools: (...args) => pool.use((client) => client.listTools(...args)),
    callTool: (...args) => pool.use((client) => client.callTool(...args)),
    readResource: (...args) => pool.use((client) => client.readResource(...args)),
  } satisfies Partial<Client> as Client;
}
