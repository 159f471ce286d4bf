import { parseJson } from "../input/json-limits.js";

/**
 * The claims of Entra access tokens that this package reads. In a token that has not been verified, any of them may
 * be absent or of a wrong type. Source: learn.microsoft.com,
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
 * The payload of a JSON Web Token, **not verified**; `undefined` for anything else. Use it only to choose the tenant
 * whose keys must verify the token, and for tokens that came directly from their issuer.
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

/** The value of a string claim; `undefined` if it is absent, empty or of another type. */
export function stringClaim(claims: TokenClaims, name: string): string | undefined {
  const value = claims[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The audiences of a token. */
export function audiencesOf(claims: TokenClaims): readonly string[] {
  const { aud } = claims;
  if (typeof aud === "string") return [aud];
  // If one is not a string, none counts: without it, a token for several audiences would pass as one for a single one.
  return isTexts(aud) ? aud : [];
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

/** The delegated scopes of a token; empty for an app-only token. */
export function scopesOf(claims: TokenClaims): readonly string[] {
  // App-only tokens of agent identities have "/" in the place of scopes.
  return (stringClaim(claims, "scp") ?? "").split(" ").filter((scope) => scope !== "" && scope !== "/");
}

/** The client the token was issued to: `azp` in version 2, `appid` in version 1. */
export function clientOf(claims: TokenClaims): string | undefined {
  return stringClaim(claims, "azp") ?? stringClaim(claims, "appid");
}

/**
 * Whether a string can be sent as a bearer token: printable ASCII. For anything else, the runtime would throw an error
 * that quotes all of it. Source: RFC 9110, section 5.5.
 */
export function isBearerToken(text: unknown): text is string {
  return typeof text === "string" && /^[\x20-\x7e]+$/.test(text);
}
