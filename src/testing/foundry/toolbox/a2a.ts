import { randomUUID } from "node:crypto";
import type { ToolDefinition } from "./options.js";
import type { SourceCall } from "./source-client.js";
import { SourceFailed } from "./source-failures.js";
import type { ToolSource } from "./toolbox.js";

/** An agent is one tool that takes a message. */
export function agentTool({ options }: ToolSource): ToolDefinition {
  const properties = { message: { type: "string" } };
  return {
    name: "send_message",
    description: `Sends a message to the agent ${options.name}.`,
    inputSchema: { type: "object", properties, required: ["message"] },
  };
}

/** Source: A2A 0.3, `message/send`. */
export async function callAgent(
  { state, source, token, signal }: SourceCall,
  args: unknown,
): Promise<Readonly<Record<string, unknown>>> {
  const { url = "http://source.invalid/", server } = source.options;
  const { message } = Object(args) as { message?: unknown };
  const init = {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "message/send",
      params: {
        message: { role: "user", messageId: randomUUID(), parts: [{ kind: "text", text: String(message) }] },
      },
    }),
    signal,
  };
  const response = await (server === undefined ? state.fetch(url, init) : server(new Request(url, init)));
  if (!response.ok) throw new SourceFailed(`HTTP_${response.status}`, "The agent answered with an error.");
  const { result } = (await response.json()) as { result?: { parts?: readonly { text?: string }[] } };
  const text = (result?.parts ?? []).map((part) => part.text ?? "").join("");
  return { content: [{ type: "text", text }] };
}
