import { createServer } from "node:http";
import { listening } from "../support/listening.js";
import { failWith, type ModelFailure } from "../support/model-failures.js";

/** A model with OpenAI's chat completions as wire format, which does what the prompt says. */
export interface ChatModel {
  readonly baseURL: string;
  /** The body of each request, as it came. */
  readonly requests: readonly string[];
  /** From now on every request is failed so; without one, answered again. */
  fail(failure?: ModelFailure): void;
  close(): Promise<void>;
}

interface Body {
  readonly stream?: boolean;
  readonly messages: readonly { role: string; content: unknown; tool_calls?: { id: string }[] }[];
  readonly tools?: readonly { function: { name: string; parameters?: { required?: string[] } } }[];
}

/**
 * Starts it. A prompt names tools as `server:tool`: `contacts:whoami then contacts:delete_contact+files:delete_contact`
 * calls one, then two at once, and then says what it was told. A tool that it was not
 * given is a bad request (400). `meanwhile` is waited for before each answer.
 */
export async function startChatModel(meanwhile: () => Promise<void>): Promise<ChatModel> {
  const requests: string[] = [];
  let failure: ModelFailure | undefined;
  const server = createServer(async (request, response) => {
    let raw = "";
    for await (const chunk of request) raw += String(chunk);
    requests.push(raw);
    await meanwhile();
    if (failure !== undefined) return failWith(failure, request.url ?? "", response);
    const body = JSON.parse(raw) as Body;
    let message: object;
    try {
      message = answerTo(body);
    } catch (error) {
      response.writeHead(400, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { message: String(error), type: "invalid_request_error" } }));
      return;
    }
    const finish_reason = "tool_calls" in message ? "tool_calls" : "stop";
    const base = { id: `chatcmpl-${requests.length}`, created: 1, model: "scripted" };
    if (body.stream !== true) {
      response.writeHead(200, { "content-type": "application/json" });
      const choices = [{ index: 0, message, finish_reason }];
      response.end(JSON.stringify({ ...base, object: "chat.completion", choices }));
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = (delta: object, reason: string | null): void => {
      const choices = [{ index: 0, delta, finish_reason: reason }];
      const chunk = { ...base, object: "chat.completion.chunk", choices };
      response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    };
    send(message, null);
    send({}, finish_reason);
    response.end("data: [DONE]\n\n");
  });
  const host = await listening(server);
  return {
    baseURL: `${host.url}/v1`,
    requests,
    fail: (given) => void (failure = given),
    close: host.close,
  };
}

function answerTo({ messages, tools = [] }: Body): object {
  const steps = text(messages.findLast(({ role }) => role === "user")?.content).split(" then ");
  // A host may put the calls of several steps into one message.
  const calls = messages.flatMap((message) => message.tool_calls ?? []);
  const step = new Set(calls.map(({ id }) => id.split("_")[1])).size;
  const wanted = steps[step];
  if (wanted === undefined) {
    const told = messages.filter(({ role }) => role === "tool").map(({ content }) => text(content));
    return { role: "assistant", content: `I was told ${told.join(" and ")}.` };
  }
  const tool_calls = wanted.split("+").map((each, index) => {
    const [label = "", tool = ""] = each.trim().split(":");
    const known = tools.map((entry) => entry.function);
    const called = known.find(({ name }) => name.includes(label) && name.endsWith(tool));
    if (called === undefined)
      throw new Error(`${each} is none of ${known.map(({ name }) => name).join(", ")}`);
    const args = JSON.stringify(
      Object.fromEntries((called.parameters?.required ?? []).map((key) => [key, "x"])),
    );
    return {
      index,
      id: `call_${step}_${index}`,
      type: "function",
      function: { name: called.name, arguments: args },
    };
  });
  return { role: "assistant", content: "Let me see. ", tool_calls };
}

/** A content is a text, or parts with texts. */
function text(content: unknown): string {
  if (typeof content === "string") return content;
  return (content as { text?: string }[]).map((part) => part.text ?? "").join("");
}
