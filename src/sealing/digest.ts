import { hash } from "node:crypto";

/**
 * What a map is keyed by in place of a token, of claims, or of text from outside: 43 characters, whatever its
 * length. Otherwise a server that sends 12 kB of claims with each answer decides how much memory a cache takes,
 * and a token lies in memory for longer than its turn.
 */
export function digest(...parts: readonly unknown[]): string {
  return hash("sha256", JSON.stringify(parts), "base64url");
}
