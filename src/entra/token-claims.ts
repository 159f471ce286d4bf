import { parseJson } from "../input/json-limits.js";

/**
 * The claims of Entra access tokens that this package reads. Every one may be absent or of a wrong type in
 * a token that has not been verified. Source: learn.microsoft.com,
 * identity-platform/access-token-claims-reference and agent-id/agent-token-claims.
 */
export interface TokenClaims {
  readonly [claim: string]: unknown;
  readonly iss?: string;
  readonly aud?: string | readonly string[];
  readonly exp?: number;
  readonly nbf?: number;
  readonly tid?: string;
  readonly oid?: string;
  readonly scp?: string;
  readonly idtyp?: string;
  readonly sub?: string;
  readonly azp?: string;
  readonly appid?: string;
  readonly ver?: string;
  readonly name?: string;
  readonly preferred_username?: string;
  readonly upn?: string;
}

/**
 * The payload of a JSON Web Token, **not verified**; `undefined` for anything else. Only for choosing the
 * tenant whose keys must verify it, and for tokens whose issuer was asked directly.
 */
export function decodeClaims(token: string): TokenClaims | undefined {
  const parts = token.split(".");
  if (parts.length !== 3) return undefined;
  try {
    const value = parseJson(Buffer.from(parts[1] ?? "", "base64url"));
    return isClaims(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isClaims(value: unknown): value is TokenClaims {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The string value of a claim, or `undefined` when it is absent, empty or of another type. */
export function stringClaim(claims: TokenClaims, name: string): string | undefined {
  const value = claims[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The audiences of a token. */
export function audiencesOf(claims: TokenClaims): readonly string[] {
  const { aud } = claims;
  if (typeof aud === "string") return [aud];
  // One that is no text makes the whole list unreadable: left out, a token for several would pass for one.
  return isTexts(aud) ? aud : [];
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

/** The delegated scopes of a token; empty for an application's own token. */
export function scopesOf(claims: TokenClaims): readonly string[] {
  // Agent identities' app-only tokens carry "/" where a delegated token has its scopes.
  return (stringClaim(claims, "scp") ?? "").split(" ").filter((scope) => scope !== "" && scope !== "/");
}

/** The client the token was issued to: `azp` in version 2, `appid` in version 1. */
export function clientOf(claims: TokenClaims): string | undefined {
  return stringClaim(claims, "azp") ?? stringClaim(claims, "appid");
}
