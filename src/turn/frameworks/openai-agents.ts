import { HostedAgentIdentityError } from "../../errors.js";
import type { RunEvent } from "../../foundry/events.js";
import { agentsAnswer } from "./openai-agents/answer.js";
import type { AgentsRun } from "./openai-agents/run.js";
import { missingAwait } from "./missing-await.js";
import { runFailed } from "./run-failed.js";
import { skippedParts, type StreamOptions } from "./skipped-parts.js";

export type { AgentsRun, AgentsRunEvent } from "./openai-agents/run.js";
export type { StreamOptions } from "./skipped-parts.js";

/**
 * The output of a turn, from a streamed run of the OpenAI Agents SDK: what `run(agent, input, { stream: true })`
 * returned. Text, reasoning, tool calls, handoffs and what the tools returned become items in the order they came in,
 * and the usage of all model calls is told. Where the model speaks the Responses protocol, its own events are passed
 * on, so nothing of theirs is lost.
 *
 * A failure of the run is a failed turn. It throws `run_failed`, with the original error as its cause, where the run
 * throws, is cancelled, or has an `error`; and where the stream of a chat model or of an AI SDK model ended without the
 * model having said that it is done, which the SDK takes for a whole answer. An error of this package that the SDK
 * wraps is thrown as it is. A chat model that stops at its limit of tokens makes the response `incomplete`.
 *
 * A tool that throws is the model's business: the SDK makes a text of its error, which is the tool's output. Events
 * that the Responses protocol has no place for are skipped, and `onEvent` is told once of each kind.
 *
 * Throws `invalid_option` for anything that is not a streamed run.
 *
 * Entry point: `hosted-agent-identity/openai-agents`.
 * Source: OpenAI Agents SDK, `StreamedRunResult`; OpenAI, streaming events of the Responses API.
 *
 * @example
 * ```ts
 * import { Agent, run } from "@openai/agents";
 * import { responses } from "hosted-agent-identity/express";
 * import { agentsOutput } from "hosted-agent-identity/openai-agents";
 *
 * const assistant = new Agent({ name: "Assistant", model: "gpt-5-mini" });
 *
 * export const agent = responses(async function* ({ input, signal }) {
 *   yield* agentsOutput(await run(assistant, input, { stream: true, signal }));
 * });
 * ```
 * @group Turns
 */
export function agentsOutput(
  run: AgentsRun,
  options: StreamOptions = {},
): AsyncGenerator<RunEvent, void, undefined> {
  const given = Object(run) as Partial<AgentsRun>;
  if (typeof given[Symbol.asyncIterator] !== "function" || typeof given.completed?.then !== "function") {
    throw new HostedAgentIdentityError(
      "invalid_option",
      `agentsOutput() takes what run(agent, input, { stream: true }) has resolved to.${missingAwait(run)}`,
    );
  }
  return outputOf(run, options);
}

async function* outputOf(run: AgentsRun, options: StreamOptions): AsyncGenerator<RunEvent, void, undefined> {
  const answer = agentsAnswer(skippedParts("openai-agents", options));
  try {
    for await (const event of run) yield* answer.take(event);
    // An error after the last event shows only here.
    await run.completed;
    if (run.error !== undefined && run.error !== null) throw run.error;
  } catch (error) {
    throw runFailed(error, "The run of the OpenAI Agents SDK failed.");
  }
  if (run.cancelled === true) throw runFailed(undefined, "The run of the OpenAI Agents SDK was cancelled.");
  yield* answer.end();
}
