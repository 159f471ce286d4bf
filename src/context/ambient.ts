import { func } from "../options/checks.js";
import { HostedAgentIdentityError } from "../errors.js";
import { liveInternalsOf } from "./internals.js";
import { type ClientScope, type UserContext, contextSlot } from "./user-context.js";

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
  const slot = contextSlot;
  const found = (request === undefined ? undefined : slot.byRequest.get(request)) ?? slot.storage.getStore();
  return found !== undefined && "opener" in found ? found.opener : found;
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
  return contextSlot.storage.run(context, run);
}

/**
 * Like {@link runWithUserContext}, but also for a context that has ended: acquiring then throws `context_ended`
 * instead of `no_user_context`.
 */
export function runInContext<T>(context: UserContext, run: () => T): T {
  return contextSlot.storage.run(context, run);
}

/** Runs shared work (keys, client assertions, agent tokens, sweeps) without a user context. */
export function runWithoutUserContext<T>(run: () => T): T {
  return contextSlot.storage.run(undefined, run);
}

/** Remembers the context of a request object, for body readers that lose the async context. */
export function rememberForRequest(request: object, context: UserContext): void {
  contextSlot.byRequest.set(request, context);
}

/** Runs what opens a client. Until the scope has no opener any more, its context is the current one in there. */
export function runInClientScope<T>(scope: ClientScope, run: () => T): T {
  return contextSlot.storage.run(scope, run);
}

/** The scope of the running code, if a pooled client runs it by itself. */
export function currentClientScope(): ClientScope | undefined {
  const found = contextSlot.storage.getStore();
  return found !== undefined && "opener" in found ? found : undefined;
}

/** A turn that holds the client and goes on. */
export function liveTurnOf({ turns, opener }: ClientScope): UserContext | undefined {
  return [...turns, opener].find((context) => context?.ended === false);
}
