import { isHostedAgentIdentityError, isUserTokenError } from "../../errors.js";
import { wireError } from "./wire.js";

/** An answer of the API. */
export function jsonAnswer(
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json(body, {
    status,
    headers: { ...headers, "cache-control": "no-store", "x-content-type-options": "nosniff" },
  });
}

/** The answer for a call that failed. */
export function errorAnswer(error: unknown): Response {
  return jsonAnswer(statusOf(error), wireError(error), retryAfter(error));
}

function statusOf(error: unknown): number {
  if (isUserTokenError(error)) return error.status;
  if (!isHostedAgentIdentityError(error)) return 500;
  if (error.code === "agent_not_identified") return 403;
  if (error.code === "agent_names_too_many_users") return 429;
  if (error.category === "throttle") return 429;
  if (error.category === "retry") return 503;
  return 400;
}

function retryAfter(error: unknown): Readonly<Record<string, string>> {
  const ms = isHostedAgentIdentityError(error) ? error.retryAfterMs : undefined;
  return ms === undefined ? {} : { "retry-after": String(Math.ceil(ms / 1000)) };
}
