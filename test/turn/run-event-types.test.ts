import { describe, expectTypeOf, it } from "vitest";
import type { AIMessageChunk } from "@langchain/core/messages";
import type { RunStreamEvent } from "@openai/agents";
import type { streamText, TextStreamPart, ToolSet } from "ai";
import type OpenAI from "openai";
import { responses, type ResponseEventType, type ResponsesRun, type RunEvent } from "hosted-agent-identity";
import { type withConsent } from "hosted-agent-identity/turn";

type Yields<T> = () => AsyncGenerator<T>;

describe("a run of what a framework streams", () => {
  it("does not compile: its own parts are no events of the Responses protocol", () => {
    expectTypeOf<Yields<TextStreamPart<ToolSet>>>().not.toExtend<ResponsesRun>();
    expectTypeOf<Yields<RunStreamEvent>>().not.toExtend<ResponsesRun>();
    expectTypeOf<Yields<AIMessageChunk>>().not.toExtend<ResponsesRun>();
    expectTypeOf<ReturnType<typeof streamText>["fullStream"]>().not.toExtend<ReturnType<ResponsesRun>>();
    // @ts-expect-error -- an object is neither text nor an event
    responses(async function* () {
      yield { name: "Ada" };
    });
    // @ts-expect-error -- an item is no event
    responses(async function* () {
      yield { type: "function_call", name: "look", arguments: "{}" };
    });
    // @ts-expect-error -- nothing is not a text
    responses(async function* () {
      yield undefined;
    });
  });

  it("compiles where it is text or events: of the openai package, of this one, and those of next year", () => {
    expectTypeOf<Yields<OpenAI.Responses.ResponseStreamEvent>>().toExtend<ResponsesRun>();
    expectTypeOf<ReturnType<typeof streamText>["textStream"]>().toExtend<ReturnType<ResponsesRun>>();
    expectTypeOf<() => ReturnType<typeof withConsent>>().toExtend<ResponsesRun>();
    expectTypeOf<"response.from_next_year">().toExtend<RunEvent["type"]>();
    expectTypeOf<OpenAI.Responses.ResponseStreamEvent["type"]>().toExtend<ResponseEventType>();
    responses(async function* () {
      yield { type: "response.output_item.done", item: { type: "function_call", name: "look" } };
      yield { type: "keepalive", sequence_number: 7 };
    });
  });
});
