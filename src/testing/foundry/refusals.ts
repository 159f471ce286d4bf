/** One way Foundry says no over HTTP. */
export interface RefusalFacts {
  readonly status: number;
  readonly code: string;
  /** What is read by people; `{name}` is filled in. */
  readonly text: string;
  readonly param?: string;
  /** "envelope": `{ error: { message, type, param, code } }`; "front": the front end's `{ statusCode, message }`. */
  readonly body: "envelope" | "front";
  /**
   * A: documentation; B: a raw answer or a maintainer's statement seen in public; C: inferred; D: open, the
   * strictest reading was taken.
   */
  readonly confidence: "A" | "B" | "C" | "D";
  readonly source: string;
}

const contract = "learn.microsoft.com, foundry/agents/concepts/hosted-agent-contract";
const multiplex = "learn.microsoft.com, foundry/agents/how-to/multiplex-session-users";
const behaviour = "azure-sdk-for-net, Azure.AI.AgentServer.Responses, docs/api-behaviour-contract.md";
const useToolbox = "learn.microsoft.com, foundry/agents/how-to/tools/use-toolbox-hosted-agent";
const toolboxReference = "GitHub-Copilot-for-Azure, microsoft-foundry skill, toolbox-reference.md";

function row(
  status: number,
  code: string,
  text: string,
  confidence: RefusalFacts["confidence"],
  source: string,
  more: { readonly param?: string; readonly body?: "front" } = {},
): RefusalFacts {
  return { status, code, text, confidence, source, body: "envelope", ...more };
}

/** The front end has one answer for everything that is wrong with a token. */
function unauthorized(): RefusalFacts {
  return row(
    401,
    "Unauthorized",
    "Unauthorized. Access token is missing, invalid, audience is incorrect (https://ai.azure.com), or have expired.",
    "B",
    "the answer quoted in many public issues and runbooks",
    { body: "front" },
  );
}

/** What can be wrong with a request. */
export type RefusalName =
  | "token_missing"
  | "token_invalid"
  | "token_audience"
  | "token_expired"
  | "token_tenant"
  | "consumer_missing"
  | "impersonation_missing"
  | "user_identity_invalid"
  | "legacy_isolation_header"
  | "project_unknown"
  | "agent_unknown"
  | "route_unknown"
  | "method_not_allowed"
  | "api_version_missing"
  | "api_version_unknown"
  | "api_version_not_allowed"
  | "body_invalid"
  | "body_too_large"
  | "agent_reference_needed"
  | "session_of_another"
  | "session_not_ready"
  | "container_unreachable"
  | "response_not_found"
  | "previous_response_not_found"
  | "cancel_synchronous"
  | "replay_not_streamed"
  | "starting_after_invalid"
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
  | "prompts_unsupported"
  | "throttled"
  | "unavailable"
  | "internal";

/** Every refusal over HTTP, by what is wrong. */
export const refusals: Readonly<Record<RefusalName, RefusalFacts>> = {
  // --- who is calling
  token_missing: unauthorized(),
  token_invalid: unauthorized(),
  token_audience: unauthorized(),
  token_expired: unauthorized(),
  token_tenant: row(
    400,
    "BadRequest",
    "Tenant provided in token does not match resource token",
    "B",
    "the answer quoted in public issues of Azure AI services; `code` is inferred",
  ),
  consumer_missing: row(
    403,
    "PermissionDenied",
    "The principal `{principal}` lacks the required data action `Microsoft.CognitiveServices/accounts/AIServices/agents/endpoints/write` to perform `{operation}` operation.",
    "B",
    "learn.microsoft.com, foundry/agents/how-to/tools/tool-authentication (the role); the text is the one of other data actions, quoted in public; the action's name is inferred",
  ),
  impersonation_missing: row(
    403,
    "PermissionDenied",
    "The principal `{principal}` lacks the required data action `Microsoft.CognitiveServices/accounts/AIServices/agents/endpoints/UserIdentityImpersonation/action` to perform `{operation}` operation.",
    "A",
    `${multiplex}: "Without it, the x-ms-user-identity header is rejected with a 403"; the text is inferred`,
  ),
  user_identity_invalid: row(
    400,
    "invalid_payload",
    "The x-ms-user-identity header is empty, repeated or too long.",
    "D",
    multiplex,
    { param: "x-ms-user-identity" },
  ),
  legacy_isolation_header: row(
    400,
    "invalid_payload",
    "The header '{header}' is not supported on container protocol version 2.0.0.",
    "A",
    `${multiplex}: "Sending a legacy isolation header on a protocol 2.0.0 path returns an error"; status and text are inferred`,
  ),

  // --- what is called
  project_unknown: row(404, "NotFound", "The project does not exist.", "B", "quoted in public runbooks"),
  agent_unknown: row(
    404,
    "not_found",
    "Agent {agent} doesn't exist.",
    "C",
    "learn.microsoft.com, foundry REST reference",
  ),
  route_unknown: row(404, "NotFound", "Resource not found.", "C", contract),
  method_not_allowed: row(405, "method_not_allowed", "The method is not allowed here.", "C", contract),
  api_version_missing: row(
    400,
    "missing_required_parameter",
    "The query parameter api-version is required.",
    "B",
    `${toolboxReference}: "requests without it return HTTP 400"`,
    { param: "api-version" },
  ),
  api_version_unknown: row(
    400,
    "unsupported_api_version",
    "The api-version '{version}' is not supported.",
    "C",
    contract,
    {
      param: "api-version",
    },
  ),
  api_version_not_allowed: row(
    400,
    "BadRequest",
    "api-version query parameter is not allowed when using /v1 path",
    "B",
    "quoted in public runbooks of Foundry's /openai/v1 paths",
    { param: "api-version" },
  ),
  body_invalid: row(400, "invalid_payload", "The request body is not a JSON object.", "A", behaviour),
  body_too_large: row(413, "request_too_large", "The request body is too large.", "C", behaviour),
  agent_reference_needed: row(
    400,
    "missing_required_parameter",
    "agent_reference has to name an agent.",
    "C",
    "learn.microsoft.com, foundry/agents/how-to/migrate-hosted-agent-preview",
    { param: "agent_reference" },
  ),
  session_of_another: row(
    404,
    "session_not_found",
    "Session '{session}' was not found.",
    "C",
    "learn.microsoft.com, foundry/agents/how-to/isolate-sessions-per-user",
    { param: "agent_session_id" },
  ),
  session_not_ready: row(
    424,
    "session_not_ready",
    "Session '{session}' did not become ready within the expected timeout.",
    "B",
    "github.com/microsoft-foundry/foundry-samples/issues/515; github.com/microsoft/agent-framework/issues/6562",
  ),
  container_unreachable: row(
    502,
    "bad_gateway",
    "The agent closed the connection without an answer.",
    "D",
    contract,
  ),

  // --- stored responses
  response_not_found: row(404, "not_found", "Response with id '{id}' not found.", "A", behaviour),
  previous_response_not_found: row(
    404,
    "previous_response_not_found",
    "Previous response with id '{id}' not found.",
    "B",
    "OpenAI's code and text; a response belongs to its user, so that another's does not exist for them",
    { param: "previous_response_id" },
  ),
  cancel_synchronous: row(
    400,
    "invalid_request_error",
    "Cannot cancel a synchronous response.",
    "A",
    behaviour,
  ),
  replay_not_streamed: row(
    400,
    "invalid_request_error",
    "This response cannot be streamed because it was not created with stream=true.",
    "C",
    behaviour,
    { param: "stream" },
  ),
  starting_after_invalid: row(
    400,
    "invalid_request_error",
    "starting_after is not a sequence number.",
    "C",
    behaviour,
    {
      param: "starting_after",
    },
  ),

  // --- toolboxes
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

  // --- faults that a test asked for
  throttled: row(
    429,
    "too_many_requests",
    "Too many requests. Please retry later.",
    "A",
    `${useToolbox}: 429 with Retry-After`,
  ),
  unavailable: row(503, "service_unavailable", "The service is temporarily unavailable.", "C", useToolbox),
  internal: row(500, "server_error", "An internal server error occurred.", "C", behaviour),
};
