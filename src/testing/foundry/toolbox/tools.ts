import type { FoundryState } from "../state.js";
import { agentTool, callAgent } from "./a2a.js";
import type { Person } from "./consents.js";
import type { ToolDefinition } from "./options.js";
import { RpcFailure, rpcCodes } from "./rpc.js";
import { callTool, listTools, type SourceCall } from "./source-client.js";
import { callFailed, listingFailed, SourceFailed } from "./source-failures.js";
import { sourceToken } from "./source-token.js";
import type { Toolbox, ToolSource } from "./toolbox.js";

/** For whom, and of which toolbox, something is done. */
export interface ToolboxCall {
  readonly state: FoundryState;
  readonly toolbox: Toolbox;
  readonly person: Person;
  /** Whom the consent links are for. */
  readonly asks: Person;
  readonly signal: AbortSignal;
}

/** The tools of every source, or the error that one of them is missing. */
export async function allTools(call: ToolboxCall, method: string): Promise<readonly object[]> {
  const { sources } = call.toolbox;
  const listed = await Promise.allSettled(sources.map((source) => toolsOf(call, source)));
  const failed = listed.flatMap((outcome, index) => {
    const source = sources[index];
    if (outcome.status === "fulfilled" || source === undefined) return [];
    return [{ source, failure: asFailure(outcome.reason) }];
  });
  if (failed.length > 0) throw listingFailed(method, sources.length, failed);
  return listed.flatMap((outcome, index) => {
    const source = sources[index];
    if (outcome.status === "rejected" || source === undefined) return [];
    return outcome.value.map((tool) => described(source, tool));
  });
}

/** Calls `{source}.{tool}`. Throws the JSON-RPC error that the toolbox answers with. */
export async function callOf(
  call: ToolboxCall,
  fullName: unknown,
  args: unknown,
): Promise<Readonly<Record<string, unknown>>> {
  const [label = "", ...rest] = typeof fullName === "string" ? fullName.split(".") : [];
  const source = call.toolbox.sources.find(({ options }) => options.name === label);
  const name = rest.join(".");
  // Source: toolbox-reference.md: the prefix is part of the name.
  if (source === undefined || name === "") {
    throw new RpcFailure(rpcCodes.paramsInvalid, `Tool ${JSON.stringify(fullName)} not found`);
  }
  try {
    const to = await sourceCall(call, source);
    return await (source.type === "mcp" ? callTool(to, name, args) : callAgent(to, args));
  } catch (error) {
    if (error instanceof RpcFailure) throw error;
    throw callFailed(source, asFailure(error), call.toolbox.options.consentMessage ?? "link");
  }
}

async function toolsOf(call: ToolboxCall, source: ToolSource): Promise<readonly ToolDefinition[]> {
  const { tools } = source.options;
  if (source.failing !== undefined) throw failingNow(source);
  if (tools !== undefined) return tools;
  const to = await sourceCall(call, source);
  return source.type === "mcp" ? listTools(to) : [agentTool(source)];
}

async function sourceCall(
  { state, toolbox, signal, ...whom }: ToolboxCall,
  source: ToolSource,
): Promise<SourceCall> {
  if (source.failing !== undefined) throw failingNow(source);
  return { state, toolbox, source, signal, token: await sourceToken(state, source, whom) };
}

function failingNow({ options, failing }: ToolSource): SourceFailed {
  return new SourceFailed(
    failing?.code ?? "CONNECTION_FAILED",
    failing?.message ?? `The source '${options.name}' failed.`,
  );
}

/** What the agent has to enforce itself is told in `_meta`. Source: use-toolbox-hosted-agent. */
function described({ options }: ToolSource, tool: ToolDefinition): object {
  const { requireApproval } = options;
  const wanted = typeof requireApproval === "object" ? requireApproval[tool.name] : requireApproval;
  const { _meta: meta } = tool as { _meta?: object };
  return {
    inputSchema: { type: "object", properties: {} },
    ...tool,
    name: `${options.name}.${tool.name}`,
    _meta: wanted === undefined ? meta : { ...meta, tool_configuration: { require_approval: wanted } },
  };
}

function asFailure(error: unknown): SourceFailed {
  if (error instanceof SourceFailed) return error;
  if (error instanceof RpcFailure) return new SourceFailed(`MCP_${error.code}`, error.message);
  throw error;
}
