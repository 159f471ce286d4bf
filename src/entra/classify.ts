import type { EntraRefusal, ErrorCategory } from "../errors.js";
import { aadstsFacts, unknownAadstsFacts, type AadstsFacts } from "./aadsts.js";
import { agentAadstsFacts, type AgentStep } from "./agent-aadsts.js";

/** A refused token request: what Entra wrote, and what it means. */
export interface Classified {
  readonly category: ErrorCategory;
  /** The most specific code of the answer that the table has, or else its first one. */
  readonly code?: number;
  readonly facts?: AadstsFacts | undefined;
}

/**
 * What a refusal of the token endpoint means. The HTTP status counts first, then `error`, `suberror`, `claims`, and
 * only then the numeric codes. The text never counts: Microsoft says not to rely on it.
 * Source: learn.microsoft.com, identity-platform/reference-error-codes; suberrors from MSAL.NET's
 * classification of MsalUiRequiredException. In the agent identity flow some codes mean something else.
 */
export function classifyRefusal(refusal: EntraRefusal, agentStep?: AgentStep): Classified {
  const codes = refusal.errorCodes ?? [];
  const known = mostTelling(codes, agentStep);
  const [first] = codes;
  if (known !== undefined || first === undefined)
    return { category: categoryOf(refusal, known?.facts.category), ...known };
  const facts = unknownAadstsFacts(first);
  const category = categoryOf(refusal, undefined, facts.category);
  // Where `error` or `suberror` says more than the first digits of a number, only the number is left of them.
  return { category, code: first, facts: category === facts.category ? facts : undefined };
}

/** `otherwise` is for answers that only a code tells apart: a user is asked for nothing on the ground of a guess. */
function categoryOf(
  refusal: EntraRefusal,
  byCode: ErrorCategory | undefined,
  otherwise: ErrorCategory = "signin",
): ErrorCategory {
  const { status = 0, error = "", suberror = "" } = refusal;
  if (byCode === "loop") return "loop";
  if (status === 429 || byCode === "throttle") return "throttle";
  if (status >= 500 || error === "temporarily_unavailable" || error === "server_error") return "retry";
  const fixed = byError[error];
  // Mistakes in federated credentials are reported as invalid_client, too, but another credential would not help.
  if (fixed !== undefined) return byCode === undefined || byCode === "signin" ? fixed : byCode;
  if (error === "access_denied") return byCode ?? "blocked";
  if (error !== "invalid_grant" && error !== "interaction_required") return byCode ?? "config";
  const bySuberror = suberrors[suberror];
  if (bySuberror !== undefined) return bySuberror;
  if (refusal.claims !== undefined) return "stepup";
  return byCode ?? otherwise;
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
  login_required: "signin",
};

/** Without `basic_action` and `additional_action`: for these, the claims and the code decide. */
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

/** Of several codes, the longer one is more specific: [70002, 500133] is about the assertion's lifetime. */
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

/** Reads the error body of the token endpoint. Values of an undocumented type are left out. */
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
