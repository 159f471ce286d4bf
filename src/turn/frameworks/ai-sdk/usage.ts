import { count, type Usage } from "../ending.js";

/** The usage of a run, or `undefined` where the model told none. Version 5 has no details: it has their fields. */
export function usageOf(given: unknown): Usage | undefined {
  const usage = Object(given) as Record<string, unknown>;
  if (typeof usage["inputTokens"] !== "number" && typeof usage["outputTokens"] !== "number") return undefined;
  const input = Object(usage["inputTokenDetails"]) as Record<string, unknown>;
  const output = Object(usage["outputTokenDetails"]) as Record<string, unknown>;
  return {
    input: count(usage["inputTokens"]),
    cached: count(input["cacheReadTokens"] ?? usage["cachedInputTokens"]),
    output: count(usage["outputTokens"]),
    reasoning: count(output["reasoningTokens"] ?? usage["reasoningTokens"]),
  };
}
