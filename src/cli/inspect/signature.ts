import { signingKeys } from "../../user-token/signing-keys.js";
import { signatureError } from "../../user-token/token-checks.js";
import { isGuid } from "../../entra/clouds.js";
import type { TokenClaims } from "../../entra/token-claims.js";
import { settleOrAbort } from "../../async/deadline.js";
import { clocksOf, systemClock } from "../../async/clocks.js";
import { isUserTokenError, loadPackage } from "../../errors.js";
import { failure, type Finding } from "../finding.js";
import { cloudOf, type Settings } from "../read-settings.js";

const check = "signature";

/**
 * Verifies with the keys that the configured cloud publishes for the token's tenant. That URL contains nothing
 * from the token except the tenant's GUID, which must match the configured tenant.
 */
export async function checkSignature({
  token,
  header,
  claims,
  settings,
  offline,
  signal,
}: {
  readonly token: string;
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: TokenClaims;
  readonly settings: Settings;
  readonly offline: boolean;
  readonly signal: AbortSignal;
}): Promise<Finding> {
  const { alg, kid } = header;
  const { tid } = claims;
  if (alg !== "RS256")
    return {
      check,
      status: "fail",
      code: "user_token_algorithm",
      detail: `It is signed with ${JSON.stringify(alg ?? null)}; Entra signs with RS256.`,
    };
  if (offline) return notVerified("not verified: --offline.");
  if (!isGuid(tid) || typeof kid !== "string" || kid === "")
    return notVerified("not verified: it names no tenant or key.");
  if (settings.tenantId !== undefined && settings.tenantId.toLowerCase() !== tid.toLowerCase())
    return notVerified("not verified: its tenant is not the configured one.");
  try {
    const cloud = cloudOf(settings);
    const keys = signingKeys({
      cloud,
      fetch: (input, init) => fetch(input, init),
      clocks: clocksOf(systemClock),
      timeoutMs: settings.timeoutMs,
    });
    const key = await settleOrAbort(keys.keyFor(tid.toLowerCase(), kid), signal);
    const { compactVerify } = await loadPackage("jose", "inspect", () => import("jose/jws/compact/verify"));
    return await compactVerify(token, key, { algorithms: ["RS256"] }).then(
      () =>
        ({
          check,
          status: "ok",
          detail: `Verified with the keys that ${cloud.loginEndpoint} publishes for the tenant.`,
        }) as const,
      () => {
        const found = failure(check, signatureError(header, claims, { audiences: [] }));
        // Whoever inspects a token wants to know whether to believe it, not how to send it.
        return found.code === "user_token_signature" ? { ...found, fix: "Trust nothing in it." } : found;
      },
    );
  } catch (error) {
    if (!isUserTokenError(error)) return failure(check, error);
    if (error.code === "signing_keys_unavailable")
      return notVerified("not verified: the tenant's keys are unavailable.");
    return {
      ...failure(check, error),
      fix: "The tenant publishes no such key. For another cloud or an emulator, set AZURE_AUTHORITY_HOST.",
    };
  }
}

function notVerified(detail: string): Finding {
  return { check, status: "warn", detail: `The signature was ${detail} Nothing in it is proven.` };
}
