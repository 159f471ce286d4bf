import { createHash, randomUUID } from "node:crypto";
import { UserContext } from "hosted-agent-identity";
import { decodeClaims } from "../../src/entra/token-claims.js";
import { unsigned } from "./token-endpoint.js";

export const tenant = "aaaaaaaa-0000-4000-8000-000000000001";
export const agentApp = "bbbbbbbb-0000-4000-8000-000000000002";
export const mcpApp = "cccccccc-0000-4000-8000-000000000003";

/** A context as the verifier would make it, for tests that are not about verifying. */
export function contextFor(
  claims: Record<string, unknown> = {},
  use: "app" | "resource" = "app",
): UserContext {
  const all = {
    tid: tenant,
    oid: randomUUID(),
    aud: use === "app" ? agentApp : mcpApp,
    scp: "access_as_user",
    exp: Math.floor(Date.now() / 1000) + 3600,
    ...claims,
  };
  const token = unsigned(all);
  const decoded = decodeClaims(token) ?? {};
  const user = { tid: String(all.tid), oid: String(all.oid) };
  const proof = use === "app" ? { use } : { use, audience: String(all.aud) };
  return new UserContext({
    principal:
      proof.use === "app"
        ? { kind: "entra", ...user }
        : { kind: "resource", ...user, audience: proof.audience },
    user,
    platform: { hosted: false },
    clientHeaders: {},
    trace: {},
    assertion: {
      token,
      hash: createHash("sha256").update(token).digest("base64url"),
      claims: decoded,
      ...proof,
    },
  });
}

/** A context of a request that brought no user token. */
export function contextWithoutToken(): UserContext {
  return new UserContext({ platform: { hosted: false }, clientHeaders: {}, trace: {} });
}

/** Every 24-character window of a secret must be missing from a text. */
export function leaks(text: string, secret: string): boolean {
  for (let at = 0; at + 24 <= secret.length; at += 1) {
    if (text.includes(secret.slice(at, at + 24))) return true;
  }
  return false;
}
