import { createOpenAI } from "@ai-sdk/openai";
import { jsonSchema, stepCountIs, streamText, tool } from "ai";
import type { ResponsesRun } from "hosted-agent-identity";
import { aiSdkOutput } from "hosted-agent-identity/ai-sdk";

/** An agent with one tool, whose model speaks one of OpenAI's two wire formats. */
export function ai5Run(baseURL: string, wire: "responses" | "chat"): ResponsesRun {
  const model = createOpenAI({ baseURL, apiKey: "none" })[wire]("gpt-5-mini");
  const inputSchema = jsonSchema<object>({ type: "object", properties: {} });
  const weather = tool({ description: "The weather", inputSchema, execute: async () => ({ celsius: 20 }) });
  return ({ input, signal }) =>
    aiSdkOutput(
      streamText({
        model,
        prompt: input,
        tools: { contacts_weather: weather },
        stopWhen: stepCountIs(3),
        abortSignal: signal,
        onError: () => {},
      }),
    );
}
