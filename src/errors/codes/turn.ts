import type { ErrorCodeFacts } from "../facts.js";

/**
 * Turns of the agent.
 * @inline
 */
export type TurnCode =
  | "turn_cancelled"
  | "turn_timeout"
  | "turn_idle"
  | "invalid_run_output"
  | "model_stream_cut"
  | "run_failed";

export const turnCodes: Readonly<Record<TurnCode, ErrorCodeFacts>> = {
  turn_cancelled: {
    category: "input",
    title: "The turn was cancelled before it ended.",
    help: "Nothing to do: the client went away or the caller aborted.",
  },
  turn_timeout: {
    category: "retry",
    title: "The turn took longer than it may.",
    help: "Send the request again. If turns need more time, raise turnTimeoutMs.",
  },
  turn_idle: {
    category: "retry",
    title: "The run gave nothing for longer than it may.",
    help: "Look at what it was waiting for: a model or a tool that no longer answers. If it needs more time, raise idleTimeoutMs.",
  },
  invalid_run_output: {
    category: "config",
    title:
      "The run yielded something that is neither text nor an event of the Responses protocol, or returned nothing to iterate.",
    help: "Write the run as async function*, and yield a string, an event, or the output of aiSdkOutput() or agentsOutput().",
  },
  model_stream_cut: {
    category: "retry",
    title: "The model's stream ended before its response did.",
    help: "Send the request again. A run that passes on response.created has to pass on the event that ends the response, too.",
  },
  run_failed: {
    category: "retry",
    title: "The agent's framework could not finish the run.",
    help: "Read the error's cause in onError: a model call that was refused (key, endpoint, deployment, quota), a stream that broke off, a guardrail, or a limit of steps.",
  },
};
