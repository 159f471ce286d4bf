import type { ContextInternals, ServerTrouble } from "../context/state.js";
import { isHostedAgentIdentityError } from "../errors.js";
import type { OutgoingInit } from "./outgoing-request.js";

type Troubles = Pick<ContextInternals, "serverTroubles">;

/** Notes what an answer says about its server: a 5xx is trouble, and any other status ends it. */
export function noteAnswer(
  { serverTroubles }: Troubles,
  serverLabel: string,
  init: OutgoingInit,
  { status }: Response,
): void {
  if (status < 500) {
    if (serverTroubles.size > 0 && tellsOfTheServer(init)) serverTroubles.delete(serverLabel);
  } else if (tellsOfTheServer(init)) {
    note(serverTroubles, { serverLabel, kind: "status", status });
  }
}

/** Notes that no answer came, or that it broke off, unless the caller stopped waiting. */
export function noteFailure(
  { serverTroubles }: Troubles,
  serverLabel: string,
  init: OutgoingInit,
  error: unknown,
): void {
  if (isLeft(init, error) || !isNetworkError(error) || !tellsOfTheServer(init)) return;
  note(serverTroubles, { serverLabel, kind: "unreachable" });
}

/** Whether the caller stopped waiting. A time limit of the caller's does not count: no answer came in time. */
export function isLeft({ signal }: Pick<RequestInit, "signal">, error: unknown): boolean {
  return signal?.aborted === true && nameOf(error) !== "TimeoutError";
}

/**
 * Whether an error is one of the network. Those of `fetch` are `TypeError`s with a cause, while a request that
 * cannot be made has none; other implementations give a code. Messages differ from runtime to runtime.
 */
export function isNetworkError(error: unknown): boolean {
  if (typeof error !== "object" || error === null || isHostedAgentIdentityError(error)) return false;
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  if (nameOf(error) === "TypeError") return typeof cause === "object" && cause !== null;
  return nameOf(error) === "TimeoutError" || typeof code === "string";
}

/**
 * Whether a request is one that the turn depends on. A run closes its session after the call that failed, and a
 * standalone stream is optional: neither explains a failure, nor does its success end one.
 */
function tellsOfTheServer({ method, headers }: OutgoingInit): boolean {
  if (method === "DELETE") return false;
  return method !== "GET" || headers["accept"]?.includes("text/event-stream") !== true;
}

/** The newest stands last. */
function note(troubles: Map<string, ServerTrouble>, trouble: ServerTrouble): void {
  troubles.delete(trouble.serverLabel);
  troubles.set(trouble.serverLabel, trouble);
}

function nameOf(error: unknown): unknown {
  return (error as { name?: unknown } | null | undefined)?.name;
}
