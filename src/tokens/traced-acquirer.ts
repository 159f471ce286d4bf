import { listens, traced, type StepEnd, type TokenCacheUse } from "../events/steps.js";
import { type OnEvent } from "../events/events.js";
import type { Acquirer } from "./acquire.js";
import type { AccessToken, TokenSource } from "../sources/token-source.js";

/** What events say about an acquirer's steps. */
export interface TracedAcquirer {
  readonly serverLabel: string;
  readonly onEvent: OnEvent | undefined;
  readonly sources: readonly Pick<TokenSource, "kind" | "cached">[];
}

/** Tokens that a caller was given already, at whichever access: another caller of the same one had joined the request. */
const given = new WeakSet<AccessToken>();

/**
 * The acquirer with a listener around each token it gives. Without a listener for steps it is the very same
 * object: a cached token costs nothing more.
 */
export function tracedAcquirer<A extends Pick<Acquirer, "cachedToken" | "acquire">>(
  acquirer: A,
  { serverLabel, onEvent, sources }: TracedAcquirer,
): A {
  if (onEvent?.around === undefined) return acquirer;
  const uncached = new Set(sources.filter(({ cached }) => !cached).map(({ kind }) => kind));
  const cameFrom = (token: AccessToken): TokenCacheUse => {
    if (uncached.has(token.source)) return "none";
    if (given.has(token)) return "joined";
    given.add(token);
    return token.shared === true ? "shared" : "exchange";
  };
  const facts = (token: AccessToken, cache: TokenCacheUse): Partial<StepEnd> => ({
    source: token.source,
    cache,
  });

  return {
    ...acquirer,
    cachedToken(context) {
      const token = acquirer.cachedToken(context);
      if (token === undefined || !listens(onEvent)) return token;
      const { principalKey: principal, trace } = context;
      const step = { step: "acquire", serverLabel, steppedUp: false, principal, trace } as const;
      void traced(
        onEvent,
        step,
        async () => token,
        () => facts(token, "hit"),
      );
      return token;
    },
    acquire(context, asked) {
      if (!listens(onEvent)) return acquirer.acquire(context, asked);
      const { principalKey: principal, trace } = context;
      const steppedUp = asked?.claims !== undefined || asked?.scopes !== undefined;
      const step = { step: "acquire", serverLabel, steppedUp, principal, trace } as const;
      return traced(
        onEvent,
        step,
        () => acquirer.acquire(context, asked),
        (token) => facts(token, cameFrom(token)),
      );
    },
  };
}
