import { refused } from "./refused.js";

/** What a `claims` parameter asks for. Source: OpenID Connect Core 5.5, identity-platform/claims-challenge. */
export interface ClaimsRequest {
  /** `xms_cc`: what the client can do, in lower case. */
  readonly capabilities: readonly string[];
  /** `acrs`: authentication contexts. */
  readonly authContexts: readonly string[];
  /** Policies that a challenge named (`polids`, `capolids`). */
  readonly policyIds: readonly string[];
}

/** Reads a `claims` parameter. Refuses what is not JSON. */
export function parseClaims(parameter: string | null): ClaimsRequest {
  if (parameter === null || parameter === "") return { capabilities: [], authContexts: [], policyIds: [] };
  const wanted = accessTokenPart(parameter);
  return {
    capabilities: valuesOf(wanted["xms_cc"]).map((value) => value.toLowerCase()),
    authContexts: valuesOf(wanted["acrs"]),
    policyIds: [...valuesOf(wanted["polids"]), ...valuesOf(wanted["capolids"])],
  };
}

/** A claims challenge: the value of `claims` in an error body. */
export function claimsChallenge(claim: "polids" | "capolids" | "acrs", value: string): string {
  const request = claim === "acrs" ? { essential: true, value } : { essential: true, values: [value] };
  return JSON.stringify({ access_token: { [claim]: request } });
}

function accessTokenPart(parameter: string): Record<string, unknown> {
  try {
    const request: unknown = JSON.parse(parameter);
    if (!isRecord(request)) throw new TypeError("no object");
    return isRecord(request["access_token"]) ? request["access_token"] : {};
  } catch {
    throw refused("malformed");
  }
}

function valuesOf(claim: unknown): readonly string[] {
  if (!isRecord(claim)) return [];
  const values: unknown[] = Array.isArray(claim["values"]) ? claim["values"] : [claim["value"]];
  return values.filter((value): value is string => typeof value === "string");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
