import type { OutputItem } from "../../foundry/items.js";
import { ownErrorIn } from "../failure.js";

type ToolOutput = OutputItem & Readonly<Record<string, unknown>>;

/** The item of what a tool returned. */
export function toolOutput(callId: string, output: unknown): ToolOutput {
  return { type: "function_call_output", call_id: callId, output: textOf(output), status: "completed" };
}

/**
 * The item of a tool that threw. Errors of this package are made to be shown; of any other nobody knows what its
 * message holds, so the client is told no more than that there was one.
 */
export function failedToolOutput(callId: string, error: unknown): ToolOutput {
  const own = ownErrorIn(error);
  const output = JSON.stringify({
    error:
      own === undefined
        ? { code: "tool_failed", message: "The tool failed." }
        : { code: own.code, message: own.message },
  });
  return { type: "function_call_output", call_id: callId, output, status: "incomplete" };
}

/** A text as it is, anything else as JSON. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return (
      JSON.stringify(value, (_, one: unknown) => (typeof one === "bigint" ? String(one) : one)) ?? "null"
    );
  } catch {
    return '"A result that JSON cannot hold."';
  }
}
