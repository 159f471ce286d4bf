import { HostedAgentIdentityError } from "../errors/base.js";

/**
 * The error for an option that cannot work. `at` says where: the factory and the option, for example
 * `userAccess: cache.maxEntries`.
 */
export function invalid(at: string, message: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("invalid_option", `${at}: ${message}`);
}

/**
 * The same for a value of another kind than expected, which is described by kind and size. Text is never quoted: it
 * may be a secret from the wrong variable. `hint` says what to do; "" for no hint.
 */
export function unexpected(
  at: string,
  expected: string,
  value: unknown,
  hint?: string,
): HostedAgentIdentityError {
  const next = hint ?? hintFor(value);
  return invalid(
    at,
    `expected ${expected}, got ${shapeOf(value)}.${next === undefined || next === "" ? "" : ` ${next}`}`,
  );
}

/** What a value is, in words. Never throws, even if reading the value does. */
export function shapeOf(value: unknown): string {
  if (value === undefined || value === null || typeof value === "number" || typeof value === "boolean")
    return String(value);
  if (typeof value === "string")
    return value === "" ? "an empty string" : `a string of ${counted(value.length, "character")}`;
  if (typeof value !== "object") return `a ${typeof value === "bigint" ? "BigInt" : typeof value}`;
  try {
    if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
    if (value instanceof Uint8Array) return counted(value.length, "byte");
    if (value instanceof Promise) return "a Promise";
  } catch {
    // A revoked proxy, or a trap that throws.
  }
  return "an object";
}

/** The usual cause of a missing value. */
function hintFor(value: unknown): string | undefined {
  if (value === undefined || value === "" || Number.isNaN(value)) return "Is its environment variable set?";
  if (shapeOf(value) === "a Promise") return "Await it first.";
  return undefined;
}

function counted(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}
