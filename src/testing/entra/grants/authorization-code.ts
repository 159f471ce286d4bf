import { createHash } from "node:crypto";
import { issueForPerson } from "../issue.js";
import { refused } from "../refused.js";
import { required, type TokenCall, type TokenResponse } from "../token-call.js";

const lifetimeMs = 10 * 60_000;

/** Redeems an authorization code. Source: identity-platform/v2-oauth2-auth-code-flow. */
export async function authorizationCode(call: TokenCall): Promise<TokenResponse> {
  const { state, params, client } = call;
  const grant = state.codes.get(required(params, "code"));
  const redirectUri = required(params, "redirect_uri");
  if (grant === undefined) throw refused("grant_malformed");
  const tenant = state.directory.tenant(grant.tenantId);
  if (tenant === undefined || (call.tenant !== undefined && call.tenant !== tenant)) {
    throw refused("code_of_other_tenant");
  }
  if (grant.client !== client) throw refused("grant_of_other_client");
  if (grant.redirectUri !== redirectUri) {
    throw refused("code_redirect_differs", { given: redirectUri, expected: grant.redirectUri });
  }
  checkOrigin(call, grant.redirectType);
  if (!verifierMatches(grant.challenge, params.get("code_verifier"))) throw refused("code_verifier_wrong");
  if (grant.redeemed) throw refused("code_redeemed");
  if (state.now() > grant.issuedAt + lifetimeMs) throw refused("grant_expired");
  grant.redeemed = true;
  return issueForPerson(call, {
    grant: "authorization_code",
    tenant,
    account: grant.account,
    signIn: grant.signIn,
    scope: params.get("scope") ?? grant.scope,
    nonce: grant.nonce,
    redirectType: grant.redirectType,
  });
}

/** RFC 7636 with S256; a code asked for without a challenge takes no verifier. */
function verifierMatches(challenge: string | undefined, verifier: string | null): boolean {
  if (challenge === undefined) return verifier === null;
  if (verifier === null) return false;
  return createHash("sha256").update(verifier).digest("base64url") === challenge;
}

/** Codes of single-page apps are for browsers only, and theirs alone. */
export function checkOrigin({ origin }: TokenCall, redirectType: "web" | "spa" | "native"): void {
  if (redirectType === "spa" && origin === undefined) throw refused("origin_missing");
  if (redirectType !== "spa" && origin !== undefined) throw refused("origin_not_spa", { origin });
}
