import type OpenAI from "openai";

/** A tool, as the loop calls it. */
export interface LoopTool {
  readonly name: string;
  readonly description: string;
  /** JSON schema. */
  readonly parameters: Record<string, unknown>;
  call(args: Record<string, unknown>): Promise<unknown>;
}

/** The model asks for tools, is told what they found, and talks. Yields what it says. */
export async function* toolLoop(
  openai: OpenAI,
  prompt: string,
  tools: readonly LoopTool[],
  signal: AbortSignal,
): AsyncGenerator<string> {
  const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: prompt }];
  for (let step = 0; step < 10; step += 1) {
    // A missing consent aborts it: no further request to the model.
    const stream = openai.chat.completions.stream(
      {
        model: process.env.OPENAI_MODEL ?? "gpt-5-mini",
        messages,
        tools: tools.map(({ name, description, parameters }) => ({
          type: "function",
          function: { name, description, parameters },
        })),
      },
      { signal },
    );
    for await (const { choices } of stream) yield choices[0]?.delta.content ?? "";
    const message = (await stream.finalChatCompletion()).choices[0]?.message;
    if (message?.tool_calls === undefined) return;
    messages.push(message);
    const calls = message.tool_calls.filter((call) => call.type === "function");
    // A tool that fails ends the turn: its error is for whoever runs it, not for the model. Each is waited for, so
    // that one answer asks for every consent.
    const results = await Promise.allSettled(
      calls.map(async ({ function: { name, arguments: args } }) => {
        const tool = tools.find((one) => one.name === name);
        if (tool === undefined) return `There is no tool ${name}.`;
        return tool.call(JSON.parse(args || "{}") as Record<string, unknown>);
      }),
    );
    for (const [at, result] of results.entries()) {
      if (result.status === "rejected") throw result.reason;
      messages.push({
        role: "tool",
        tool_call_id: calls[at]?.id ?? "",
        content: JSON.stringify(result.value),
      });
    }
  }
}
