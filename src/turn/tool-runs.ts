import { toolCallsOf } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import type { OutputItem } from "../foundry/items.js";
import type { ResumedTurn, ToolRun } from "./turn.js";

/** The newest are kept: whoever resumes a turn looks for what it is about to do again. */
const maxRuns = 50;
const maxName = 100;

/**
 * The tools that an operation has called so far: MCP tools as they were sent, and the calls among the output items of
 * the turn whose tools are the run's own.
 */
export function toolRuns(
  context: UserContext,
  output: readonly OutputItem[],
  before: ResumedTurn | undefined,
): ResumedTurn {
  const sent = toolCallsOf(context);
  const names = new Set(sent.map(({ name }) => name));
  // A framework yields an item for the call that it sent to an MCP server, too.
  const own = output.flatMap((item) => callOf(item, output)).filter(({ name }) => !names.has(name));
  return { tools: [...(before?.tools ?? []), ...sent.map(short), ...own].slice(-maxRuns) };
}

function short(run: ToolRun): ToolRun {
  return { ...run, name: run.name.slice(0, maxName) };
}

function callOf(item: OutputItem, output: readonly OutputItem[]): ToolRun[] {
  const call = item as { readonly name?: unknown; readonly call_id?: unknown; readonly status?: unknown };
  if (typeof call.name !== "string") return [];
  const name = call.name.slice(0, maxName);
  if (item.type === "mcp_call") {
    const { server_label: label } = item as { readonly server_label?: unknown };
    const state = { completed: "answered", failed: "failed" }[String(call.status)] ?? "under_way";
    return [{ name, ...(typeof label === "string" && { serverLabel: label }), state } as ToolRun];
  }
  if (item.type !== "function_call" && item.type !== "custom_tool_call") return [];
  const isAnswered = output.some(
    (other) =>
      other.type === `${item.type}_output` && (other as { call_id?: unknown }).call_id === call.call_id,
  );
  return [{ name, state: isAnswered ? "answered" : "under_way" }];
}

/** What a kept message says of its operation, if it is what {@link toolRuns} gives. */
export function readResumed(value: unknown): ResumedTurn | undefined {
  const { tools } = Object(value) as { readonly tools?: unknown };
  if (!Array.isArray(tools)) return undefined;
  return { tools: tools.filter(isToolRun) };
}

function isToolRun(value: unknown): value is ToolRun {
  const { name, serverLabel, state } = Object(value) as Record<string, unknown>;
  return (
    typeof name === "string" &&
    (serverLabel === undefined || typeof serverLabel === "string") &&
    (state === "answered" || state === "failed" || state === "under_way" || state === "asked")
  );
}
