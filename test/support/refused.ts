import { inspect } from "node:util";
import { expect } from "vitest";
import { type ErrorCode, errorCodes, isUserTokenError, type UserTokenError } from "hosted-agent-identity";
import { leaks } from "./people.js";

/** Expects a refusal with this code, a category, a next step, and nothing of the token anywhere in it. */
export async function refused(work: Promise<unknown>, code: ErrorCode, token = ""): Promise<UserTokenError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isUserTokenError(error)) throw new Error(`expected a UserTokenError, got ${inspect(error)}`);
  expect(error.code).toBe(code);
  expect(error.category).toBe(errorCodes[code].category);
  expect(error.help.length).toBeGreaterThan(10);
  expectNothingOf(token, error);
  return error;
}

/** Every way of showing a value shows nothing of the token. */
export function expectNothingOf(token: string, value: unknown): void {
  const shown = [
    inspect(value, { depth: 20, getters: true }),
    inspect(value, { depth: 20, showHidden: false, customInspect: false }),
    JSON.stringify(value) ?? "",
    String(value),
    value instanceof Error ? `${value.message} ${value.stack}` : "",
  ];
  for (const text of shown) expect(leaks(text, token)).toBe(false);
}
