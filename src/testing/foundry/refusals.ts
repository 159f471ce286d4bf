import {
  contract,
  multiplex,
  isolate,
  behaviour,
  useToolbox,
  toolboxReference,
  row,
  type RefusalFacts,
} from "./refusal-facts.js";
import { toolboxRefusals, type ToolboxRefusal } from "./toolbox/refusals.js";

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
  | ToolboxRefusal
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
  | "throttled"
  | "unavailable"
  | "internal";

/** Every refusal over HTTP, by what is wrong. */
export const refusals: Readonly<Record<RefusalName, RefusalFacts>> = {
  ...toolboxRefusals,

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
    "The x-ms-user-identity header must be one value of 1 to 256 letters, digits and . _ : - @.",
    "A",
    `${isolate}: "1–256 characters and contain only letters, digits, and the characters . _ : - @; other values are rejected"; status and text are inferred`,
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
