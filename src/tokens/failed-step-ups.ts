import { digest } from "../sealing/digest.js";
import { isTokenExchangeError } from "../errors.js";
import { expiringMap } from "../async/expiring-map.js";
import type { TokenAnswer, TokenRequest, TokenSource } from "../sources/token-source.js";

/** Demands that a user token did not meet when Entra was asked, a moment ago. */
export interface FailedStepUps {
  find(source: TokenSource, request: TokenRequest): TokenAnswer | undefined;
  note(source: TokenSource, request: TokenRequest, answer: TokenAnswer): void;
  forgetPrincipal(principalKey: string): void;
  clear(): void;
}

const rememberedMs = 5_000;
const maxDemands = 1_000;

/**
 * Makes the memory of one access. Entra says the same of the same user token, until the user has signed in again and
 * brings another one. Sources that need no user token are not remembered, because a sign-in can be completed at any
 * moment and in another process; nor is missing consent, which an admin may give at any moment, too.
 */
export function failedStepUps(age: () => number): FailedStepUps {
  const unmet = expiringMap<TokenAnswer>(rememberedMs, maxDemands, age);
  const keyOf = (source: TokenSource, request: TokenRequest): string => {
    const { context, assertion, scopes, claims } = request;
    const demand = digest(source.kind, source.cacheScope, assertion?.hash, scopes, claims);
    return `${context.principalKey ?? "null"} ${demand}`;
  };
  return {
    find: (source, request) => unmet.get(keyOf(source, request)),
    note(source, request, answer) {
      if (answer.status !== "needs" || !source.usesAssertion || request.assertion === undefined) return;
      const { error } = answer;
      const lasts = error.category === "stepup" || error.category === "signin";
      if (lasts && isTokenExchangeError(error)) unmet.set(keyOf(source, request), answer);
    },
    forgetPrincipal: (principalKey) => unmet.deleteWhere((key) => key.startsWith(`${principalKey} `)),
    clear: () => unmet.clear(),
  };
}
