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
    title: "The turn exceeded its time limit.",
    help: "Send the request again. If turns need more time, raise turnTimeoutMs.",
  },
  turn_idle: {
    category: "retry",
    title: "The run yielded nothing for too long.",
    help: "Find out what it was waiting for, such as a model or tool that no longer answers. If it needs more time, raise idleTimeoutMs.",
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
    help: "Send the request again. A run that forwards response.created must also forward the event that ends the response.",
  },
  run_failed: {
    category: "retry",
    title: "The agent's framework could not finish the run.",
    help: "Read the error's cause in onError: a refused model call (key, endpoint, deployment, quota), a broken stream, a guardrail, or a step limit.",
  },
};
