import type { RandomBytes } from "../runtime/runtime.js";

/** What the ids of the Responses protocol begin with. Source: `IdGenerator` of the agentserver packages. */
export const idPrefixes = {
  response: "caresp",
  message: "msg",
  consentRequest: "oacr",
} as const;

/**
 * What the id of an output item begins with, by the item's type. Source: `IdGenerator.new_item_id` of
 * azure-ai-agentserver-responses 2.3.0. Only the consent request differs: the hosts that send it write `oacr`.
 */
const itemIdPrefixes: Readonly<Record<string, string>> = {
  message: idPrefixes.message,
  oauth_consent_request: idPrefixes.consentRequest,
  output_message: "om",
  reasoning: "rs",
  function_call: "fc",
  function_call_output: "fco",
  custom_tool_call: "ctc",
  custom_tool_call_output: "ctco",
  computer_call: "cu",
  computer_call_output: "cuo",
  file_search_call: "fs",
  web_search_call: "ws",
  image_generation_call: "ig",
  code_interpreter_call: "ci",
  local_shell_call: "lsh",
  local_shell_call_output: "lsho",
  shell_call: "lsh",
  shell_call_output: "lsho",
  apply_patch_call: "ap",
  apply_patch_call_output: "apo",
  mcp_list_tools: "mcpl",
  mcp_call: "mcp",
  mcp_approval_request: "mcpr",
  mcp_approval_response: "mcpa",
  program: "prog",
  program_output: "progo",
  compaction: "cmp",
  compaction_summary: "cmp",
  structured_outputs: "fco",
  tool_search_call: "ts",
  tool_search_output: "tso",
  additional_tools: "adt",
  memory_search_call: "mem",
  workflow_action: "wfa",
  a2a_preview_call: "a2a",
  a2a_preview_call_output: "a2ao",
  bing_grounding_call: "bg",
  bing_grounding_call_output: "bgo",
  sharepoint_grounding_preview_call: "sp",
  sharepoint_grounding_preview_call_output: "spo",
  azure_ai_search_call: "ais",
  azure_ai_search_call_output: "aiso",
  bing_custom_search_preview_call: "bcs",
  bing_custom_search_preview_call_output: "bcso",
  openapi_call: "oa",
  openapi_call_output: "oao",
  browser_automation_preview_call: "ba",
  browser_automation_preview_call_output: "bao",
  fabric_dataagent_preview_call: "fda",
  fabric_dataagent_preview_call_output: "fdao",
  azure_function_call: "azf",
  azure_function_call_output: "azfo",
};

/** The platform's choice for a request, else a new id in the partition of its conversation. */
export function responseIdFor(
  platform: { readonly responseId?: string | undefined; readonly conversationId?: string | undefined },
  previousResponseId: string | undefined,
  random: RandomBytes,
): string {
  const near = previousResponseId ?? platform.conversationId;
  return platform.responseId ?? newId(idPrefixes.response, random, near);
}

/** A new id for an output item, in the partition of its response. A type that nobody knows yet gets `item`. */
export function newItemId(type: string, random: RandomBytes, responseId: string): string {
  const prefix = Object.hasOwn(itemIdPrefixes, type) ? itemIdPrefixes[type] : undefined;
  return newId(prefix ?? "item", random, responseId);
}

/** Whether a text is an id of this kind, of today's form or of the earlier one. */
export function isIdOf(prefix: string, id: string): boolean {
  return id.startsWith(`${prefix}_`) && partitionKeyOf(id) !== undefined;
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const entropyLength = 32;
/** The largest multiple of the alphabet's length in a byte: bytes beyond it would favour its beginning. */
const unbiased = 256 - (256 % alphabet.length);

/**
 * A new id, `{prefix}_{partition key, 18}{32 alphanumerics}`. It inherits the partition key of `near`, an id
 * of the same conversation, because the platform's storage keeps a conversation in one partition.
 */
export function newId(prefix: string, random: RandomBytes, near?: string): string {
  return `${prefix}_${partitionKeyOf(near) ?? newPartitionKey(random)}${entropy(random)}`;
}

/** The partition key inside an id, or `undefined` when it is not of a known form. */
export function partitionKeyOf(id: string | undefined): string | undefined {
  const body = id === undefined ? undefined : /^[A-Za-z0-9]+_([A-Za-z0-9]+)$/.exec(id)?.[1];
  if (body?.length === 50) return body.slice(0, 18);
  // Ids of earlier generations carry 16 characters of it, at the end.
  if (body?.length === 48) return `${body.slice(-16)}00`;
  return undefined;
}

function newPartitionKey(random: RandomBytes): string {
  return `${Buffer.from(random(8)).toString("hex")}00`;
}

function entropy(random: RandomBytes): string {
  let text = "";
  while (text.length < entropyLength) {
    for (const byte of random(entropyLength)) {
      if (byte < unbiased && text.length < entropyLength) text += alphabet[byte % alphabet.length];
    }
  }
  return text;
}
