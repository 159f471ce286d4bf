/** One way Foundry says no over HTTP. */
export interface RefusalFacts {
  readonly status: number;
  readonly code: string;
  /** What is read by people; `{name}` is filled in. */
  readonly text: string;
  readonly param?: string;
  /** "envelope": `{ error: { message, type, param, code } }`; "front": the front end's `{ statusCode, message }`. */
  readonly body: "envelope" | "front";
  /**
   * A: documentation; B: a raw answer or a maintainer's statement seen in public; C: inferred; D: open, the
   * strictest reading was taken.
   */
  readonly confidence: "A" | "B" | "C" | "D";
  readonly source: string;
}

export const contract = "learn.microsoft.com, foundry/agents/concepts/hosted-agent-contract";
export const multiplex = "learn.microsoft.com, foundry/agents/how-to/multiplex-session-users";
export const isolate = "learn.microsoft.com, foundry/agents/how-to/isolate-sessions-per-user";
export const behaviour = "azure-sdk-for-net, Azure.AI.AgentServer.Responses, docs/api-behaviour-contract.md";
export const useToolbox = "learn.microsoft.com, foundry/agents/how-to/tools/use-toolbox-hosted-agent";
export const toolboxReference = "GitHub-Copilot-for-Azure, microsoft-foundry skill, toolbox-reference.md";

/** A refusal over HTTP. */
export function row(
  status: number,
  code: string,
  text: string,
  confidence: RefusalFacts["confidence"],
  source: string,
  more: { readonly param?: string; readonly body?: "front" } = {},
): RefusalFacts {
  return { status, code, text, confidence, source, body: "envelope", ...more };
}
