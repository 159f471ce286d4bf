import { createMCPClient } from "@ai-sdk/mcp";
import { loadMcpTools } from "@langchain/mcp-adapters";
import type { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { MCPServerStreamableHttp } from "@openai/agents";
import type { FetchLike } from "hosted-agent-identity";
import { openClient } from "./mcp-clients.js";

/** A connected client that has listed the tools. */
export interface ToolCaller {
  /** Calls the tool `slow`. */
  call(): Promise<unknown>;
  close(): Promise<unknown>;
}

/** What goes to a transport. */
type Address = { readonly url: URL; readonly fetch: FetchLike };

/** What calls a tool, with each framework's own client. */
export const toolCallers: Readonly<Record<string, (access: Address) => Promise<ToolCaller>>> = {
  "MCP SDK v1": async ({ url, fetch }) => {
    const client = await openClient("v1", url, { fetch });
    return { call: () => client.callTool({ name: "slow", arguments: {} }), close: () => client.close() };
  },
  "MCP SDK v2": async ({ url, fetch }) => {
    const client = await openClient("v2-legacy", url, { fetch });
    return { call: () => client.callTool({ name: "slow", arguments: {} }), close: () => client.close() };
  },
  "AI SDK": async ({ url, fetch }) => {
    const client = await createMCPClient({ transport: { type: "http", url: url.href, fetch } });
    const { slow } = await client.tools();
    return {
      call: async () => slow?.execute({}, { toolCallId: "1", messages: [] }),
      close: () => client.close(),
    };
  },
  "OpenAI Agents": async ({ url, fetch }) => {
    const server = new MCPServerStreamableHttp({ url: url.href, name: "slow", fetch });
    await server.connect();
    return { call: () => server.callTool("slow", {}), close: () => server.close() };
  },
  LangChain: async ({ url, fetch }) => {
    const client = (await openClient("v1", url, { fetch })) as ClientV1;
    const [slow] = await loadMcpTools("slow", client);
    return { call: () => slow!.invoke({}) as Promise<unknown>, close: () => client.close() };
  },
};
