import type { RunEvent } from "../../foundry/events.js";
import { event } from "./item-events.js";

/** How a model call ended, or the run with its last one. */
export type Ending = "completed" | "max_output_tokens" | "content_filter" | "broken";

/** What the AI SDK and OpenAI's chat completions say of an end. */
const endings: Readonly<Record<string, Ending>> = {
  stop: "completed",
  "tool-calls": "completed",
  tool_calls: "completed",
  function_call: "completed",
  length: "max_output_tokens",
  "content-filter": "content_filter",
  content_filter: "content_filter",
  error: "broken",
  // The AI SDK's words for a stream that ended without the model having said that it is done: 7, and 5.
  interrupted: "broken",
  unknown: "broken",
};

/**
 * What a finish reason means. `raw` is the model's own word for it. `other` without one is how version 6 of the AI SDK
 * reports a stream that was cut.
 */
export function endingOf(finishReason: unknown, raw?: unknown): Ending {
  const known = typeof finishReason === "string" ? endings[finishReason] : undefined;
  return known ?? (typeof raw === "string" ? "completed" : "broken");
}

/** Tokens, as the protocol counts them. */
export interface Usage {
  readonly input: number;
  readonly cached: number;
  readonly output: number;
  readonly reasoning: number;
}

/** The note that ends a run: what it used, and why it is not complete, if it is not. */
export function endingNote(ending: Exclude<Ending, "broken">, usage: Usage | undefined): RunEvent {
  const used = usage === undefined ? {} : { usage: protocolUsage(usage) };
  if (ending === "completed") return event("response.completed", { response: used });
  return event("response.incomplete", { response: { ...used, incomplete_details: { reason: ending } } });
}

function protocolUsage({ input, cached, output, reasoning }: Usage): object {
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: input + output,
  };
}

/** A count, or 0 where there is none. */
export function count(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : 0;
}
