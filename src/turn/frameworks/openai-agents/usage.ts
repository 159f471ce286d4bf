import { count, type Usage } from "../ending.js";
import { objectIn, type Fields } from "./run.js";

/** The usage of several model calls. */
export interface UsageSum {
  add(usage: Fields): void;
  /** `undefined` where no call has told any. */
  sum(): Usage | undefined;
}

/** Starts at nothing. */
export function usageSum(): UsageSum {
  let total: Usage | undefined;
  return {
    add(usage) {
      if (typeof usage["inputTokens"] !== "number" && typeof usage["outputTokens"] !== "number") return;
      const { input = 0, cached = 0, output = 0, reasoning = 0 } = total ?? {};
      total = {
        input: input + count(usage["inputTokens"]),
        cached: cached + detail(usage, "inputTokensDetails", "cached_tokens"),
        output: output + count(usage["outputTokens"]),
        reasoning: reasoning + detail(usage, "outputTokensDetails", "reasoning_tokens"),
      };
    },
    sum: () => total,
  };
}

/** Details are an object, or one for each request of the call. */
function detail(usage: Fields, field: string, name: string): number {
  const details = usage[field];
  const each = Array.isArray(details) ? details : [objectIn(usage, field)];
  return each.reduce((sum: number, one) => sum + count((Object(one) as Fields)[name]), 0);
}
