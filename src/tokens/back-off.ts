import { emit, HostedAgentIdentityError, type OnEvent } from "../errors.js";

/** Remembers whom Entra asked to wait: the user whose request it was, and the whole app only with cause. */
export interface BackOff {
  /** Throws `backing_off` while this principal, or the app, has to wait. */
  check(principal: string): void;
  /** Notes what an exchange of a principal ended with; `undefined` for success. */
  note(principal: string, error: HostedAgentIdentityError | undefined): void;
}

/** One user's trouble says nothing about the app; this many users in so short a time do. */
const distinctPrincipals = 5;
const windowMs = 10_000;
const firstMs = 1_000;
const longestMs = 60_000;
const loopMs = 300_000;
const maxPrincipals = 10_000;

interface Waiting {
  readonly until: number;
  readonly lastMs: number;
}

/** Makes the back-off of one access. */
export function backOff(now: () => number, onEvent: OnEvent | undefined): BackOff {
  const users = new Map<string, Waiting>();
  let troubled = new Map<string, number>();
  let app: Waiting | undefined;
  let probing = false;

  const refuse = (until: number): never => {
    throw new HostedAgentIdentityError("backing_off", undefined, {
      retryAfterMs: Math.max(0, until - now()),
    });
  };

  return {
    check(principal) {
      const own = users.get(principal);
      if (own !== undefined && isWaiting(own, now())) refuse(own.until);
      if (app === undefined) return;
      if (isWaiting(app, now())) refuse(app.until);
      // After the wait one request goes ahead; the others wait for how it ends.
      if (probing) refuse(now() + firstMs);
      probing = true;
    },
    note(principal, error) {
      probing = false;
      const category = error?.category;
      const entrasWish = category === "throttle" || category === "retry" || category === "loop";
      // A store of sign-ins that is down says nothing about Entra: other sources go on.
      if (error === undefined || !entrasWish || error.code === "store_unavailable") {
        users.delete(principal);
        if (error === undefined) app = undefined;
        return;
      }
      const next = waitAfter(users.get(principal), error, now());
      users.delete(principal);
      users.set(principal, next);
      if (users.size > maxPrincipals) users.delete(users.keys().next().value ?? principal);
      emit(onEvent, { type: "back_off", scope: "user", forMs: next.lastMs });

      troubled.set(principal, now());
      troubled = new Map([...troubled].filter(([, at]) => now() - at < windowMs).slice(-distinctPrincipals));
      if (category === "loop" || troubled.size >= distinctPrincipals || app !== undefined) {
        app = category === "loop" ? { until: now() + loopMs, lastMs: loopMs } : waitAfter(app, error, now());
        emit(onEvent, { type: "back_off", scope: "app", forMs: app.lastMs });
      }
    },
  };
}

/** A wait with more left than it ever had began before the clock was put back: it counts as over. */
function isWaiting({ until, lastMs }: Waiting, now: number): boolean {
  return until > now && until - now <= lastMs;
}

function waitAfter(before: Waiting | undefined, error: HostedAgentIdentityError, now: number): Waiting {
  const doubled = before === undefined ? firstMs : Math.min(before.lastMs * 2, longestMs);
  // "Retry-After: 0", or a date that has passed by our clock, would be no wait at all: a storm.
  const lastMs = Math.max(error.retryAfterMs ?? doubled, firstMs);
  return { until: now + lastMs, lastMs };
}
