import { parseJson } from "../../input/json-limits.js";

/** The header of a token, unproven like everything else in it. */
export type TokenHeader = Readonly<Record<string, unknown>>;

/** The header of a signed token, or `undefined`. */
export function headerOf(token: string): TokenHeader | undefined {
  const parts = token.split(".");
  if (parts.length !== 3) return undefined;
  try {
    const value = parseJson(Buffer.from(parts[0] ?? "", "base64url"));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as TokenHeader)
      : undefined;
  } catch {
    return undefined;
  }
}
