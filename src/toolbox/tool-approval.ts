/** Whether the person has to approve each call of a tool first. */
export type ToolApproval = "always" | "never";

/**
 * A tool of a toolbox, as its `tools/list` gives it.
 *
 * @group MCP
 */
export interface ListedTool {
  /** As the toolbox writes it, such as `contacts.whoami`; not as a framework renames it. */
  readonly name: string;
  readonly _meta?: object | undefined;
}

/**
 * A call that is about to be made: the `params` of `tools/call`.
 *
 * @group MCP
 */
export interface ToolCallParams {
  readonly name: string;
  readonly arguments?: unknown;
}

/**
 * What a toolbox says about approving a tool of its `tools/list`, in `_meta.tool_configuration`. The toolbox
 * does not enforce it: with `always`, show the tool's name and arguments to the user before each call, and
 * call only after a yes. A toolbox that says nothing has not said `never`, so that is `always`, and so is a value that
 * is not known. `call_tool`, which a toolbox with tool search lists in place of the tools, is `always`, whatever it says:
 * decide each of its calls with {@link toolCallApproval}.
 *
 * Entry point: `hosted-agent-identity`.
 * Source: learn.microsoft.com, foundry/agents/how-to/tools/use-toolbox-hosted-agent, "Enforce tool approval".
 *
 * @example
 * ```ts
 * import type { Client } from "@modelcontextprotocol/client";
 * import { toolApproval } from "hosted-agent-identity";
 *
 * export async function freeTools(client: Client) {
 *   const { tools } = await client.listTools();
 *   return tools.filter((tool) => toolApproval(tool) === "never");
 * }
 * ```
 * @group MCP
 */
export function toolApproval(tool: {
  readonly name?: string | undefined;
  readonly _meta?: object | undefined;
}): ToolApproval {
  return requireApproval(tool) === "never" && tool.name !== "call_tool" ? "never" : "always";
}

/**
 * Whether the user has to approve one call, in a toolbox with or without tool search. Tool search hides the tools and
 * lists `tool_search` and `call_tool` instead. A `call_tool` needs the approval of the tool that its arguments name, and
 * a hidden tool that is called by its own name needs its own. Where `tools` does not say `never` about that tool, the
 * call needs a yes. `tool_search` itself calls nothing and needs none, unless the toolbox says so.
 *
 * `tools` is what the toolbox listed for this user in this turn: the tools that are pinned, or that Foundry lists
 * because this user calls them often, are among them.
 *
 * Entry point: `hosted-agent-identity`.
 * Source: learn.microsoft.com, foundry/agents/how-to/tools/tool-search. It names no argument of `call_tool`; `name` and
 * `tool_name` are read, and a call that names its tool in neither, or in both differently, needs a yes.
 *
 * @example
 * ```ts
 * import type { Client } from "@modelcontextprotocol/client";
 * import { toolCallApproval } from "hosted-agent-identity";
 *
 * export async function call(client: Client, name: string, args: Record<string, unknown>, approved: boolean) {
 *   const { tools } = await client.listTools();
 *   const params = { name, arguments: args };
 *   if (toolCallApproval(params, tools) === "always" && !approved) return "Ask the user first.";
 *   return client.callTool(params);
 * }
 * ```
 * @group MCP
 */
export function toolCallApproval(call: ToolCallParams, tools: readonly ListedTool[]): ToolApproval {
  if (call.name === "tool_search" && onlySearches(tools)) return "never";
  const name = call.name === "call_tool" ? namedTool(call.arguments) : call.name;
  const listed = tools.filter((tool) => tool.name === name);
  return listed.length > 0 && listed.every((tool) => toolApproval(tool) === "never") ? "never" : "always";
}

/** Whether `tool_search` is the toolbox's own, which comes with `call_tool`, and the toolbox asks no approval for it. */
function onlySearches(tools: readonly ListedTool[]): boolean {
  const searches = tools.filter(({ name }) => name === "tool_search");
  return (
    tools.some(({ name }) => name === "call_tool") &&
    searches.length === 1 &&
    searches.every((tool) => [undefined, null, "never"].some((value) => value === requireApproval(tool)))
  );
}

/** The tool that a `call_tool` names. */
function namedTool(args: unknown): string | undefined {
  const { name, tool_name: toolName } = Object(args) as { name?: unknown; tool_name?: unknown };
  const names = [name, toolName].filter((value) => value !== undefined);
  const [first] = names;
  return typeof first === "string" && names.every((value) => value === first) ? first : undefined;
}

function requireApproval(tool: { readonly _meta?: object | undefined }): unknown {
  const { tool_configuration: configuration } = Object(tool?._meta) as { tool_configuration?: unknown };
  const { require_approval: value } = Object(configuration) as { require_approval?: unknown };
  return value;
}
