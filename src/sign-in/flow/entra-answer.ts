import { classifyRefusal } from "../../entra/classify.js";
import { isHostedAgentIdentityError, type ErrorCategory } from "../../errors.js";
import type { Problem } from "../pages/problem-pages.js";

/**
 * Codes that only the person's page tells apart. 50020, 90072: the account is not in the tenant, not even as a
 * guest. 500212: the user's own organization lets nobody out, which no approval of the app changes. 500213: the other
 * organization is not let in. 65004: declined on the consent page.
 * Source: learn.microsoft.com, identity-platform/reference-error-codes.
 */
const byCode: Readonly<Record<number, Problem>> = {
  50020: "guest",
  90072: "guest",
  500212: "access_denied",
  500213: "wrong_tenant",
  65004: "cancelled",
  90094: "admin_needed",
  90095: "admin_needed",
  90008: "admin_needed",
};

const byCategory: Readonly<Partial<Record<ErrorCategory, Problem>>> = {
  consent: "admin_needed",
  admin: "admin_needed",
  blocked: "access_denied",
};

/**
 * What an administrator did who was asked to approve the app: Entra sends the answer to the app's redirect URI, and the
 * sign-in app has no other. It comes without a code and belongs to no sign-in. Anybody can make such an address, so it
 * only chooses a page. Source: learn.microsoft.com, identity-platform/v2-admin-consent.
 */
export function approvalIn(parameters: URLSearchParams): "approved" | "not_approved" | undefined {
  const asked = parameters.has("admin_consent") || parameters.get("error") === "permission_denied";
  if (!asked || parameters.has("code")) return undefined;
  const given = parameters.get("admin_consent")?.toLowerCase() === "true" && !parameters.has("error");
  return given ? "approved" : "not_approved";
}

/** What Entra's error in a redirect means for the user. It only chooses a page. */
export function problemOfAnswer(parameters: URLSearchParams): Problem {
  if (parameters.get("error_subcode") === "cancel") return "cancelled";
  const error = parameters.get("error") ?? "";
  const code = codeOf(parameters);
  const special = code === undefined ? undefined : byCode[code];
  if (special !== undefined) return special;
  if (error === "consent_required") return "admin_needed";
  // `access_denied` means a missing approval only with one of the codes above.
  if (["access_denied", "interaction_required", "login_required"].includes(error)) return "access_denied";
  const { category } = classifyRefusal({ error, errorCodes: code === undefined ? [] : [code] });
  return byCategory[category] ?? "trouble";
}

/** The number at the end of `error_uri`, or at the beginning of the description: there is no field for it. */
function codeOf(parameters: URLSearchParams): number | undefined {
  const found =
    /[?&]code=(\d{4,8})\b/.exec(parameters.get("error_uri") ?? "") ??
    /^AADSTS(\d{4,8})\b/.exec(parameters.get("error_description") ?? "");
  return found?.[1] === undefined ? undefined : Number(found[1]);
}

/** What a failed call of the token endpoint means for the user. */
export function problemOfError(error: unknown): Problem {
  if (!isHostedAgentIdentityError(error)) return "trouble";
  if (error.code === "user_token_tenant") return "wrong_tenant";
  if (error.code === "quota_reached") return "too_many";
  // The code was used before or is too old: the user may begin again.
  if (error.category === "signin") return "expired_link";
  // The id token repeats a nonce of another sign-in, or names another client.
  if (error.code === "wrong_user") return "other_browser";
  return byCategory[error.category] ?? "trouble";
}
