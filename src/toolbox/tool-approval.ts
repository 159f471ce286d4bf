/** Whether the person has to approve each call of a tool first. */
export type ToolApproval = "always" | "never";

/**
 * What a toolbox says about approving a tool of its `tools/list`, in `_meta.tool_configuration`. The toolbox
 * does not enforce it: with `always`, show the tool's name and arguments to the user before each call, and
 * call only after a yes. `undefined` when nothing is said; a value that is not known counts as `always`.
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
 *   return tools.filter((tool) => toolApproval(tool) !== "always");
 * }
 * ```
 * @group MCP
 */
export function toolApproval(tool: { readonly _meta?: object | undefined }): ToolApproval | undefined {
  const { tool_configuration: configuration } = Object(tool?._meta) as { tool_configuration?: unknown };
  const { require_approval: value } = Object(configuration) as { require_approval?: unknown };
  if (value === undefined || value === null) return undefined;
  return value === "never" ? "never" : "always";
}
