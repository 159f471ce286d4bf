import type { EntraRefusal, ErrorCategory } from "../errors.js";
import { aadstsFacts, type AadstsFacts } from "./aadsts.js";
import { agentAadstsFacts, type AgentStep } from "./agent-aadsts.js";

/** The facts of a refused token request: what Entra wrote, and what it means. */
export interface Classified {
  readonly category: ErrorCategory;
  /** The most telling code of the answer that the table knows. */
  readonly code?: number;
  readonly facts?: AadstsFacts;
}

/**
 * What a refusal of the token endpoint means: by HTTP status, then `error`, `suberror`, `claims`, and only
 * then by any of the numeric codes; never by text, which Microsoft tells not to rely on.
 * Source: learn.microsoft.com, identity-platform/reference-error-codes; suberrors from MSAL.NET's
 * classification of MsalUiRequiredException. In the agent identity flow some codes mean something else.
 */
export function classifyRefusal(refusal: EntraRefusal, agentStep?: AgentStep): Classified {
  const known = mostTelling(refusal.errorCodes ?? [], agentStep);
  return { category: categoryOf(refusal, known?.facts.category), ...known };
}

function categoryOf(refusal: EntraRefusal, byCode: ErrorCategory | undefined): ErrorCategory {
  const { status = 0, error = "", suberror = "" } = refusal;
  if (byCode === "loop") return "loop";
  if (status === 429 || byCode === "throttle") return "throttle";
  if (status >= 500 || error === "temporarily_unavailable" || error === "server_error") return "retry";
  const fixed = byError[error];
  // Federated-credential mistakes come as invalid_client too, but no other credential would help.
  if (fixed !== undefined) return byCode === undefined || byCode === "signin" ? fixed : byCode;
  if (error !== "invalid_grant" && error !== "interaction_required") return byCode ?? "config";
  const bySuberror = suberrors[suberror];
  if (bySuberror !== undefined) return bySuberror;
  if (refusal.claims !== undefined) return "stepup";
  return byCode ?? "signin";
}

const byError: Readonly<Record<string, ErrorCategory>> = {
  invalid_client: "cred",
  unauthorized_client: "config",
  invalid_scope: "config",
  invalid_request: "config",
  invalid_resource: "config",
  invalid_target: "config",
  unsupported_grant_type: "config",
  consent_required: "consent",
  access_denied: "consent",
  login_required: "signin",
};

/** `basic_action` and `additional_action` are left out: there the claims and the code decide. */
const suberrors: Readonly<Record<string, ErrorCategory>> = {
  message_only: "blocked",
  consent_required: "consent",
  bad_token: "signin",
  token_expired: "signin",
  user_password_expired: "signin",
  ui_not_allowed: "signin",
  interrupted_user: "signin",
  client_mismatch: "config",
  protection_policy_required: "config",
};

/** Of several codes the longer one says more: [70002, 500133] is about the assertion's lifetime. */
function mostTelling(
  codes: readonly number[],
  agentStep: AgentStep | undefined,
): { code: number; facts: AadstsFacts } | undefined {
  const known = codes.flatMap((code) => {
    const facts = (agentStep && agentAadstsFacts(agentStep, code)) ?? aadstsFacts(code);
    return facts === undefined ? [] : [{ code, facts }];
  });
  return known.sort((a, b) => b.code - a.code)[0];
}

/** Reads the error body of the token endpoint. Anything that is not of the documented type is left out. */
export function readRefusal(status: number, body: unknown): EntraRefusal {
  const fields = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const text = (name: string): string | undefined => {
    const value = fields[name];
    return typeof value === "string" && value !== "" && value.length <= 8192 ? value : undefined;
  };
  const codes = fields["error_codes"];
  return {
    status,
    error: text("error"),
    suberror: text("suberror"),
    errorCodes: Array.isArray(codes)
      ? codes.filter((code): code is number => Number.isInteger(code)).slice(0, 16)
      : [],
    claims: text("claims"),
    traceId: text("trace_id"),
    correlationId: text("correlation_id"),
  };
}
