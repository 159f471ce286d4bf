import type { UserAccess } from "../access/types.js";
import { tryGetUserContext } from "../context/ambient.js";
import { clocksOf, systemClock } from "../async/clocks.js";
import { made } from "../options/checks.js";
import { type OptionCheck } from "../options/option-table.js";

/** The tokens handed to a transport, and which of them to drop when it is told "401" and not about which. */
export interface CurrentTokens {
  give(): Promise<string>;
  drop(): void;
}

/**
 * How long after a drop further refusals are taken to be about the dropped token, in milliseconds: SDK v2
 * reports each of ten parallel refusals (2.4.0). It also bounds what a server that refuses everything costs.
 */
const sameRefusalMs = 1000;

export function currentTokens(access: UserAccess): CurrentTokens {
  const { age } = clocksOf(systemClock);
  const given = new WeakMap<object, { readonly token: string; droppedAt: number }>();
  // An access that is bound to one user needs no current context.
  const whose = (): object => tryGetUserContext() ?? access;
  return {
    async give() {
      const user = whose();
      const { token } = await access.token();
      given.set(user, { token, droppedAt: given.get(user)?.droppedAt ?? -Infinity });
      return token;
    },
    drop() {
      const last = given.get(whose());
      const now = age();
      if (last === undefined || now - last.droppedAt < sameRefusalMs) return;
      last.droppedAt = now;
      access.forget(undefined, last.token);
    },
  };
}

/** An access, for factories that take one. */
export const accessOption: OptionCheck<UserAccess> = made<UserAccess>("what userAccess() returned", {
  token: "function",
  forget: "function",
});
