import { RpcFailure, rpcCodes } from "./rpc.js";
import { allTools, callOf, type ToolboxCall } from "./tools.js";

/** Source: learn.microsoft.com, foundry/agents/how-to/tools/tool-search. It says nothing of their `_meta`. */
const metaTools: readonly object[] = [
  {
    name: "tool_search",
    description: "Finds tools by what they can do.",
    inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
  },
  {
    name: "call_tool",
    description: "Calls a tool that tool_search has found.",
    inputSchema: {
      type: "object",
      properties: { name: { type: "string" }, arguments: { type: "object" } },
      required: ["name"],
    },
  },
];

/** What `tools/list` shows: every tool, or with tool search the pinned ones and the two that find and call the others. */
export async function listedTools(call: ToolboxCall): Promise<readonly object[]> {
  const tools = await allTools(call, "tools/list");
  return call.toolbox.options.toolSearch === undefined
    ? tools
    : [...tools.filter((tool) => isPinned(call, nameOf(tool))), ...metaTools];
}

/** `tools/call`. Throws the JSON-RPC error that the toolbox answers with. */
export async function calledTool(call: ToolboxCall, name: unknown, args: unknown): Promise<object> {
  if (call.toolbox.options.toolSearch === undefined || isPinned(call, name)) return callOf(call, name, args);
  const given = Object(args) as {
    readonly query?: unknown;
    readonly name?: unknown;
    readonly arguments?: unknown;
  };
  if (name === "call_tool") return callOf(call, given.name, given.arguments);
  if (name !== "tool_search" || typeof given.query !== "string")
    throw new RpcFailure(rpcCodes.paramsInvalid, `Tool ${JSON.stringify(name)} not found`);
  const words = given.query.toLowerCase().split(/\s+/);
  const found = (await allTools(call, "tools/call")).filter((tool) => {
    const text = JSON.stringify(tool).toLowerCase();
    return words.some((word) => text.includes(word));
  });
  return { content: [{ type: "text", text: JSON.stringify({ tools: found }) }] };
}

function isPinned({ toolbox }: ToolboxCall, name: unknown): boolean {
  return toolbox.options.toolSearch?.pinned?.some((one) => one === name) === true;
}

function nameOf(tool: object): unknown {
  return (tool as { readonly name?: unknown }).name;
}
