import { decodeClaims, type TokenClaims } from "../entra/token-claims.js";
import type { EntraAppFacts } from "../entra/tenants.js";
import { UserTokenError } from "../errors.js";
import { parseJson } from "../input/json-limits.js";
import { checkTenant } from "./token-checks.js";

/** What an unverified token says about itself, as far as verifying it needs. */
export interface UnverifiedToken {
  /** A listed tenant, lower case. */
  readonly tid: string;
  readonly kid: string;
  readonly claims: TokenClaims;
}

/** Throws `user_token_too_large` or `user_token_malformed` for what cannot be a signed JSON Web Token. */
export function checkShape(token: string, maxTokenBytes: number): void {
  if (typeof token !== "string") throw new UserTokenError("user_token_malformed");
  const bytes = Buffer.byteLength(token);
  if (bytes > maxTokenBytes) {
    throw new UserTokenError(
      "user_token_too_large",
      `The user token has ${bytes} bytes; the limit is ${maxTokenBytes}.`,
    );
  }
  // An empty signature passes here, so that `alg: none` gets its own error.
  if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(token)) throw new UserTokenError("user_token_malformed");
}

/**
 * Reads what is needed to find the key. Checks algorithm and tenant before any URL is built from the token: a caller
 * must not choose what this process fetches.
 */
export function readUnverified(token: string, app: EntraAppFacts): UnverifiedToken {
  const header = decodeHeader(token);
  const claims = decodeClaims(token);
  if (header === undefined || claims === undefined) throw new UserTokenError("user_token_malformed");
  if (header["alg"] !== "RS256") throw new UserTokenError("user_token_algorithm");
  const unlisted = checkTenant(claims, { app });
  if (unlisted !== undefined) throw unlisted;
  const { kid } = header;
  if (typeof kid !== "string" || kid === "") {
    throw new UserTokenError("user_token_key_unknown", "The user token does not name its key.");
  }
  return { tid: (claims.tid ?? "").toLowerCase(), kid, claims };
}

/** The unverified header of a token; `undefined` when it cannot be read. */
export function decodeHeader(token: string): Readonly<Record<string, unknown>> | undefined {
  const [part = ""] = token.split(".", 1);
  try {
    const value = parseJson(Buffer.from(part, "base64url"));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
