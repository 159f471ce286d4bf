import { parseJson } from "../input/json-limits.js";

/**
 * A claims request that asks for everything that two of them ask for. If both name the same claim, the second
 * one counts. Source: OpenID Connect Core 5.5; Entra's challenges put everything into `access_token`.
 */
export function joinClaims(first: string | undefined, second: string | undefined): string | undefined {
  const [a, b] = [parse(first), parse(second)];
  if (a === undefined) return second ?? first;
  if (b === undefined) return first;
  const joined: Record<string, unknown> = { ...a };
  for (const [member, demands] of Object.entries(b)) {
    const before = joined[member];
    joined[member] = isObject(before) && isObject(demands) ? { ...before, ...demands } : demands;
  }
  return JSON.stringify(joined);
}

function parse(text: string | undefined): Record<string, unknown> | undefined {
  try {
    const value = text === undefined ? undefined : parseJson(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
