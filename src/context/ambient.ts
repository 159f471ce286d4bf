import { func } from "../options/checks.js";
import { HostedAgentIdentityError } from "../errors.js";
import { liveInternalsOf } from "./internals.js";
import { contextSlot } from "./slot.js";
import type { UserContext } from "./user-context.js";

/**
 * The user context of the running code, or of a request object that an adapter has seen.
 * Throws `no_user_context`.
 *
 * Entry point: `hosted-agent-identity`.
 *
 * @example
 * ```ts
 * import { getUserContext } from "hosted-agent-identity";
 *
 * export function greeting(): string {
 *   return `Hello ${getUserContext().user?.name ?? "you"}`;
 * }
 * ```
 * @group Context
 */
export function getUserContext(request?: object): UserContext {
  const context = tryGetUserContext(request);
  if (context === undefined) throw new HostedAgentIdentityError("no_user_context");
  return context;
}

/**
 * Like {@link getUserContext}, but `undefined` when there is none.
 *
 * Entry point: `hosted-agent-identity`.
 * @param request a request object of the host, for code that a body reader called outside the async context
 * @group Context
 */
export function tryGetUserContext(request?: object): UserContext | undefined {
  const slot = contextSlot<UserContext>();
  return (request === undefined ? undefined : slot.byRequest.get(request)) ?? slot.storage.getStore();
}

/**
 * Runs a function with a context and returns what it returns. Does not end the context.
 *
 * Entry point: `hosted-agent-identity`.
 *
 * @example
 * ```ts
 * import { createUserContext, runWithUserContext, type UserContextOptions } from "hosted-agent-identity";
 *
 * export async function work(userToken: string, options: UserContextOptions): Promise<void> {
 *   const context = await createUserContext({ userToken }, options);
 *   try {
 *     await runWithUserContext(context, async () => {});
 *   } finally {
 *     context.end();
 *   }
 * }
 * ```
 * @group Context
 */
export function runWithUserContext<T>(context: UserContext, run: () => T): T {
  liveInternalsOf(context);
  func("a function").read(run, "runWithUserContext: run");
  return contextSlot<UserContext>().storage.run(context, run);
}

/**
 * Like {@link runWithUserContext}, but also for a context that has ended: acquiring then throws `context_ended`
 * instead of `no_user_context`.
 */
export function runInContext<T>(context: UserContext, run: () => T): T {
  return contextSlot<UserContext>().storage.run(context, run);
}

/** Runs shared work (keys, client assertions, agent tokens, sweeps) without a user context. */
export function runWithoutUserContext<T>(run: () => T): T {
  return contextSlot<UserContext>().storage.run(undefined, run);
}

/** Remembers the context of a request object, for body readers that lose the async context. */
export function rememberForRequest(request: object, context: UserContext): void {
  contextSlot<UserContext>().byRequest.set(request, context);
}
