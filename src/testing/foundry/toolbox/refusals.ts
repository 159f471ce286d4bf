import { contract, useToolbox, toolboxReference, row, type RefusalFacts } from "../refusal-facts.js";

/** What can be wrong with a request to a toolbox. */
export type ToolboxRefusal =
  | "feature_missing"
  | "toolbox_unknown"
  | "agent_identity_other"
  | "call_id_unknown"
  | "call_id_ended"
  | "call_id_repeated"
  | "call_id_with_user_token"
  | "session_unknown"
  | "session_of_other"
  | "session_missing"
  | "mcp_version_unknown"
  | "media_type"
  | "prompts_unsupported";

/** Refusals of toolboxes over HTTP. */
export const toolboxRefusals: Readonly<Record<ToolboxRefusal, RefusalFacts>> = {
  feature_missing: row(
    403,
    "preview_feature_required",
    "Toolboxes is in preview. This operation requires the following opt-in preview feature(s): Toolboxes=V1Preview. Include the 'Foundry-Features: Toolboxes=V1Preview' header in your request.",
    "B",
    "github.com/Azure/azure-dev/issues/8442 (another feature's answer); toolbox-reference.md: required on every request",
    { param: "Foundry-Features" },
  ),
  toolbox_unknown: row(404, "not_found", "Toolbox {toolbox} doesn't exist.", "C", useToolbox),
  agent_identity_other: row(
    403,
    "PermissionDenied",
    "The principal `{principal}` lacks the required data action `Microsoft.CognitiveServices/accounts/AIServices/toolboxes/read` to perform `{operation}` operation.",
    "C",
    `${useToolbox}: the agent identity authenticates`,
  ),
  call_id_unknown: row(
    403,
    "invalid_call_id",
    "The call id is not known.",
    "D",
    `${contract}: "the platform resolves the caller's identity from it"`,
    { param: "x-agent-foundry-call-id" },
  ),
  call_id_ended: row(
    403,
    "invalid_call_id",
    "The request that the call id was for has ended.",
    "D",
    `${contract}: a "per-request identifier"`,
    { param: "x-agent-foundry-call-id" },
  ),
  call_id_repeated: row(
    403,
    "invalid_call_id",
    "The call id came more than once.",
    "D",
    `${contract}: "forward it unchanged"`,
    { param: "x-agent-foundry-call-id" },
  ),
  call_id_with_user_token: row(
    403,
    "invalid_call_id",
    "The call id is for the agent that received it.",
    "D",
    `${contract}: the agent forwards it with its own identity`,
    { param: "x-agent-foundry-call-id" },
  ),
  session_unknown: row(
    404,
    "session_not_found",
    "Session not found",
    "A",
    "MCP 2025-06-18, Session Management",
  ),
  session_of_other: row(
    404,
    "session_not_found",
    "Session not found",
    "D",
    "MCP 2025-06-18, Security Best Practices: sessions are bound to their user",
  ),
  session_missing: row(
    400,
    "bad_request",
    "Bad Request: Mcp-Session-Id header is required",
    "A",
    "MCP 2025-06-18, Session Management",
  ),
  mcp_version_unknown: row(
    400,
    "bad_request",
    "Bad Request: Unsupported protocol version",
    "A",
    "MCP 2025-06-18, Protocol Version Header",
  ),
  media_type: row(
    415,
    "unsupported_media_type",
    "Unsupported Media Type: Content-Type must be application/json",
    "A",
    "MCP 2025-06-18, Streamable HTTP",
  ),
  prompts_unsupported: row(
    500,
    "server_error",
    "An internal server error occurred.",
    "B",
    `${toolboxReference}: "500 on prompts/list"`,
  ),
};
