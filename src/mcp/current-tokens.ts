import type { UserAccess } from "../access/types.js";
import { getUserContext } from "../context/ambient.js";
import type { UserContext } from "../context/user-context.js";

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
  const given = new WeakMap<UserContext, string>();
  const droppedAt = new WeakMap<UserContext, number>();
  return {
    async give() {
      const context = getUserContext();
      const { token } = await access.token(context);
      given.set(context, token);
      return token;
    },
    drop() {
      const context = getUserContext();
      const token = given.get(context);
      const now = performance.now();
      if (token === undefined || now - (droppedAt.get(context) ?? -Infinity) < sameRefusalMs) return;
      droppedAt.set(context, now);
      access.forget(context, token);
    },
  };
}
