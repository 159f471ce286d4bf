import { boundedMap } from "../async/bounded-map.js";
import { digest } from "../sealing/digest.js";
import { emit, type OnEvent } from "../events/events.js";
import { HostedAgentIdentityError } from "../errors.js";
import { backingOffCauses } from "../errors/causes/tokens.js";

/** How often the very same exchange may be made. */
export interface EqualExchanges {
  /** Counts one more. Throws `backing_off` when it was made too often of late. */
  spend(exchange: string): void;
  /** Entra saw a loop: after the wait the budget is as low as after too many exchanges. */
  exhaust(exchange: string, waitMs: number): void;
}

/**
 * The numbers are ours: Microsoft publishes no threshold of AADSTS50196. A token lives for an hour, and challenges make
 * at most eight exchanges a minute for one server, so no agent that works comes near. One that loops is stopped here,
 * before Entra stops this user at this app.
 */
const most = 30;
const withinMs = 300_000;
const eachMs = withinMs / most;
const maxKept = 10_000;

/** Makes the budgets of one app. Each has one number: until when what was spent is earned back. */
export function equalExchanges(age: () => number, onEvent: OnEvent | undefined): EqualExchanges {
  const spentUntil = boundedMap<string, number>(maxKept);

  /** Those used longest ago are first: at most two of them are dropped with each use, if they are whole again. */
  const sweep = (at: number): void => {
    let looked = 0;
    for (const [key, until] of spentUntil) {
      if (looked === 2 || until > at) return;
      spentUntil.delete(key);
      looked += 1;
    }
  };

  return {
    spend(exchange) {
      const at = age();
      sweep(at);
      const key = digest(exchange);
      const until = Math.max(spentUntil.get(key) ?? at, at) + eachMs;
      if (until - at > withinMs) throw tooOften(until - at - withinMs);
      spentUntil.set(key, until);
      if (until + eachMs - at > withinMs)
        emit(onEvent, { type: "back_off", scope: "exchange", forMs: eachMs });
    },
    exhaust(exchange, waitMs) {
      spentUntil.set(digest(exchange), age() + waitMs + withinMs - eachMs);
    },
  };
}

function tooOften(ms: number): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "backing_off",
    `The same exchange was made ${most} times within ${withinMs / 60_000} minutes for this person. No request was sent.`,
    {
      retryAfterMs: Math.ceil(ms),
      help: backingOffCauses.tooOften.help,
    },
  );
}
