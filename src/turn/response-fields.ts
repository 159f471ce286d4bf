import { conversationIdIn } from "./request-rules.js";

/**
 * The fields of a request that its response says again, as OpenAI's own does. Clients with strict models require
 * some of them, and others carry what they find here into the next turn.
 */
const echoed = [
  "instructions",
  "max_output_tokens",
  "max_tool_calls",
  "metadata",
  "parallel_tool_calls",
  "prompt",
  "prompt_cache_key",
  "reasoning",
  "safety_identifier",
  "service_tier",
  "temperature",
  "text",
  "tool_choice",
  "top_logprobs",
  "top_p",
  "truncation",
  "user",
] as const;

/**
 * What a response says besides its state, in every event and in the plain answer: the conversation and the
 * session, by which the next turn finds them, and what the request asked for.
 * Sources: rules S-038 and S-040 of the agentserver packages; `ResponseObject` of azure-rest-api-specs.
 */
export function responseFields(
  body: Readonly<Record<string, unknown>>,
  responseId: string,
  sessionId: string,
): Readonly<Record<string, unknown>> {
  const said = echoed.filter((field) => (body[field] ?? undefined) !== undefined);
  const conversation = conversationIdIn(body["conversation"]);
  const { tools } = body;
  return {
    ...Object.fromEntries(said.map((field) => [field, body[field]])),
    ...(Array.isArray(tools) ? { tools: tools.map((tool) => shownTool(tool as object)) } : {}),
    ...(conversation === undefined ? {} : { conversation: { id: conversation } }),
    agent_session_id: sessionId,
    response_id: responseId,
    background: false,
  };
}

/** A tool without what a caller sends along for the MCP server behind it: responses are stored and logged. */
function shownTool(tool: object): object {
  const secret = ["authorization", "headers"];
  return Object.fromEntries(Object.entries(tool).filter(([field]) => !secret.includes(field)));
}
