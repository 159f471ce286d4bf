import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { failWith, type ModelFailure } from "./model-failures.js";

/** What the model answers to one request: a tool call, or text made from what it was sent. */
export type ScriptedStep =
  | { readonly tool: string; readonly args?: object }
  | { readonly text: (body: ModelRequest) => string };

/** A request as it reached the model: what a host put in front of it. */
export interface ModelRequest {
  readonly raw: string;
  /** The outputs of tools called so far. */
  readonly toolOutputs: readonly string[];
}

/** A model that speaks OpenAI's Responses wire format and says what it was told to. */
export interface ScriptedModel {
  /** For OPENAI_BASE_URL. */
  readonly baseUrl: string;
  readonly requests: readonly ModelRequest[];
  /** From now on every request is failed so; without one, answered again. */
  fail(failure?: ModelFailure): void;
  close(): Promise<void>;
}

/** Starts it. Each request takes the step after the number of tool outputs it brings. */
export async function scriptedModel(steps: readonly ScriptedStep[]): Promise<ScriptedModel> {
  const requests: ModelRequest[] = [];
  let failure: ModelFailure | undefined;
  const server = createServer(async (request, response) => {
    let raw = "";
    for await (const chunk of request) raw += chunk;
    const { input = [] } = JSON.parse(raw) as { input?: { type?: string; output?: unknown }[] };
    const toolOutputs = input
      .filter(({ type }) => type === "function_call_output")
      .map(({ output }) => JSON.stringify(output));
    const seen = { raw, toolOutputs };
    requests.push(seen);
    if (failure !== undefined) return failWith(failure, request.url ?? "", response);
    answer(
      response,
      steps[toolOutputs.length] ?? { text: () => "nothing more to say" },
      seen,
      requests.length,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    fail: (given) => void (failure = given),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function answer(response: ServerResponse, step: ScriptedStep, seen: ModelRequest, n: number): void {
  const id = `resp_${n}`;
  const base = { id, object: "response", created_at: 1, model: "scripted", output: [] };
  const usage = {
    input_tokens: 1,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 1,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 2,
  };
  let sequence = 0;
  response.writeHead(200, { "content-type": "text/event-stream" });
  const send = (type: string, fields: object): void => {
    response.write(
      `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...fields })}\n\n`,
    );
  };
  send("response.created", { response: { ...base, status: "in_progress" } });
  let item: object;
  if ("tool" in step) {
    const args = JSON.stringify(step.args ?? {});
    const call = { type: "function_call", id: `fc_${n}`, call_id: `call_${n}`, name: step.tool };
    const place = { item_id: call.id, output_index: 0 };
    item = { ...call, arguments: args, status: "completed" };
    send("response.output_item.added", {
      output_index: 0,
      item: { ...call, arguments: "", status: "in_progress" },
    });
    send("response.function_call_arguments.delta", { ...place, delta: args });
    send("response.function_call_arguments.done", { ...place, name: step.tool, arguments: args });
  } else {
    const text = step.text(seen);
    const message = { type: "message", id: `msg_${n}`, role: "assistant" };
    const place = { item_id: message.id, output_index: 0, content_index: 0 };
    const part = { type: "output_text", text, annotations: [] };
    item = { ...message, status: "completed", content: [part] };
    send("response.output_item.added", {
      output_index: 0,
      item: { ...message, status: "in_progress", content: [] },
    });
    send("response.content_part.added", { ...place, part: { ...part, text: "" } });
    send("response.output_text.delta", { ...place, delta: text, logprobs: [] });
    send("response.output_text.done", { ...place, text, logprobs: [] });
    send("response.content_part.done", { ...place, part });
  }
  send("response.output_item.done", { output_index: 0, item });
  send("response.completed", { response: { ...base, status: "completed", output: [item], usage } });
  response.end();
}
