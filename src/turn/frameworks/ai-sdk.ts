import { HostedAgentIdentityError } from "../../errors.js";
import type { RunEvent } from "../../foundry/events.js";
import { aiSdkAnswer } from "./ai-sdk/answer.js";
import type { AiSdkResult, AiSdkStream } from "./ai-sdk/parts.js";
import { missingAwait } from "./missing-await.js";
import { runFailed } from "./run-failed.js";
import { skippedParts, type StreamOptions } from "./skipped-parts.js";

export type { AiSdkPart, AiSdkResult, AiSdkStream } from "./ai-sdk/parts.js";
export type { StreamOptions } from "./skipped-parts.js";

/**
 * The output of a turn, from what `streamText()` of the AI SDK returned: `ai` 5, 6 and 7. Text, reasoning, tool calls
 * and what the tools returned become items in the order they came in, sources become citations, images become items,
 * and the usage of all steps is told. Takes the result, or its stream (`stream` of 7, `fullStream` of 5 and 6).
 *
 * A failure of the model is a failed turn. It throws `run_failed`, with the original error as its cause, where the
 * stream has an `error` or an `abort` part, throws, ends without `finish`, or finishes without the model having said
 * that it is done (finish reasons `error`, `interrupted`, `unknown`, and `other` with no word of the model's own). An
 * error of this package that the AI SDK wraps is thrown as it is. The finish reasons `length` and `content-filter`
 * make the response `incomplete`.
 *
 * A tool that throws is the model's business, and does not fail the turn: its output item holds the code and message
 * of an error of this package, and of any other that there was one. Parts that the Responses protocol has no place for
 * are skipped, and `onEvent` is told once of each kind.
 *
 * Throws `invalid_option` for anything that is not the result of `streamText()`, such as its `textStream`.
 *
 * Entry point: `hosted-agent-identity/ai-sdk`.
 * Source: AI SDK, `TextStreamPart`; OpenAI, streaming events of the Responses API.
 *
 * @example
 * ```ts
 * import { openai } from "@ai-sdk/openai";
 * import { streamText } from "ai";
 * import { responses } from "hosted-agent-identity/express";
 * import { aiSdkOutput } from "hosted-agent-identity/ai-sdk";
 *
 * export const agent = responses(async function* ({ input, signal }) {
 *   yield* aiSdkOutput(streamText({ model: openai("gpt-5-mini"), prompt: input, abortSignal: signal }));
 * });
 * ```
 * @group Turns
 */
export function aiSdkOutput(
  result: AiSdkResult | AiSdkStream,
  options: StreamOptions = {},
): AsyncGenerator<RunEvent, void, undefined> {
  return outputOf(streamOf(result), options);
}

async function* outputOf(
  stream: AiSdkStream,
  options: StreamOptions,
): AsyncGenerator<RunEvent, void, undefined> {
  const answer = aiSdkAnswer(skippedParts("ai-sdk", options));
  try {
    for await (const part of stream) yield* answer.take(part);
  } catch (error) {
    throw runFailed(error, "The AI SDK's stream broke off.");
  }
  yield* answer.end();
}

function streamOf(result: unknown): AiSdkStream {
  if (isStream(result)) return result;
  // Only one of them is read: each read splits the stream of the AI SDK once more.
  const { stream } = Object(result) as { stream?: unknown };
  if (isStream(stream)) return stream;
  const { fullStream } = Object(result) as { fullStream?: unknown };
  if (isStream(fullStream)) return fullStream;
  throw new HostedAgentIdentityError(
    "invalid_option",
    `aiSdkOutput() takes what streamText() returned: it has a stream, or a fullStream before version 7 of the AI SDK.${missingAwait(result)}`,
  );
}

function isStream(value: unknown): value is AiSdkStream {
  return typeof (Object(value) as Partial<AiSdkStream>)[Symbol.asyncIterator] === "function";
}
