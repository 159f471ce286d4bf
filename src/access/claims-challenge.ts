import { authContextRequest, isAuthContext } from "../entra/auth-context.js";
import type { AuthenticationDemand } from "../errors.js";
import { parseJson } from "../input/json-limits.js";

/**
 * A claims request in base64, base64url, with or without padding, or plain JSON. Only the part about the access token
 * counts: a resource has no say in id tokens.
 * Source: learn.microsoft.com, identity-platform/claims-challenge.
 */
export function claimsRequest(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = value.trimStart().startsWith("{") ? value : Buffer.from(value, "base64").toString("utf8");
  try {
    const { access_token } = Object(parseJson(text)) as { access_token?: unknown };
    return isObject(access_token) ? JSON.stringify({ access_token }) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What `insufficient_user_authentication` asks for. Values that could not be relayed in a header are left out.
 * Source: RFC 9470 section 3.
 */
export function authenticationDemand(parameters: Readonly<Record<string, string>>): AuthenticationDemand {
  const { acr_values = "", max_age = "" } = parameters;
  const acrValues = acr_values.split(" ").filter((one) => /^[!#-[\]-~]{1,64}$/.test(one));
  return {
    ...(acrValues.length === 0 ? {} : { acrValues: acrValues.slice(0, 8) }),
    ...(/^\d{1,9}$/.test(max_age) ? { maxAgeS: Number(max_age) } : {}),
  };
}

/**
 * The claims request that Entra understands, if one of the values is an authentication context of a tenant.
 * Entra knows no `acr_values`.
 */
export function claimsOfDemand(demand: AuthenticationDemand | undefined): string | undefined {
  // They come in order of preference, and one of them is enough.
  const value = demand?.acrValues?.find(isAuthContext);
  return value === undefined ? undefined : authContextRequest(value);
}

/** Whether a claims request asks only for an authentication context: the refused token still serves elsewhere. */
export function asksForAuthenticationContext(claims: string | undefined): boolean {
  if (claims === undefined) return false;
  const { access_token = {} } = JSON.parse(claims) as { access_token?: object };
  return Object.keys(access_token).every((name) => name === "acrs");
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
