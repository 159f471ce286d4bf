import { boundedMap } from "../async/bounded-map.js";
import { withDeadline } from "../async/deadline.js";
import { HostedAgentIdentityError } from "../errors.js";
import { backingOffCauses } from "../errors/causes/tokens.js";
import { emit, type OnEvent } from "../events/events.js";

/** A wait. It ends with an answer to a request that was sent after it began, or when no request comes for long. */
export interface Waiting {
  /** When it last began. Requests that were under way by then are part of the same trouble. */
  readonly since: number;
  readonly until: number;
  readonly lastMs: number;
  /** One request has gone ahead after the wait; the others wait for how it ends. */
  probing: boolean;
}

/** The waits of users, or of tenants. */
export interface Waits {
  of(key: string): Waiting | undefined;
  /** Begins a wait, or a longer one, after trouble that was asked for at `began`. */
  lengthen(key: string, began: number, error: HostedAgentIdentityError): void;
  /** Starts a wait here that began elsewhere. */
  adopt(key: string, waiting: Waiting): Waiting;
  answered(key: string, began: number): void;
}

/** What the waits are for, and how many are kept. */
export interface WaitsOptions {
  readonly scope: "user" | "tenant";
  readonly max: number;
  /** How long Entra is obeyed. Then one request at a time finds out whether it still has to be. */
  readonly obeyedMs: number;
  readonly age: () => number;
  readonly onEvent: OnEvent | undefined;
}

const firstMs = 1_000;
/** The longest wait of our own, where Entra names none. */
const longestMs = 60_000;
/** AADSTS50196: Entra has seen a loop. It names no time. */
export const loopMs = 300_000;
/** Trouble this long after a wait is a new one, and begins with the shortest wait. */
const forgottenAfterMs = 10_000;

/** Makes an empty list. */
export function waits({ scope, max, obeyedMs, age, onEvent }: WaitsOptions): Waits {
  const waiting = boundedMap<string, Waiting>(max);

  const of = (key: string): Waiting | undefined => {
    const known = waiting.get(key);
    if (known === undefined || !isForgotten(known, age())) return known;
    waiting.delete(key);
    return undefined;
  };

  /** Drops what is over, two at a time, those first who began longest ago: no call waits for it. */
  const sweep = (): void => {
    let looked = 0;
    for (const key of waiting.keys()) {
      if (looked === 2 || of(key) !== undefined) return;
      looked += 1;
    }
  };

  return {
    of,
    lengthen(key, began, error) {
      sweep();
      const before = of(key);
      const next = waitAfter(before, began, age(), error, obeyedMs);
      if (next === before) return;
      waiting.set(key, next);
      emit(onEvent, { type: "back_off", scope, forMs: next.lastMs });
    },
    adopt(key, { since, until, lastMs }) {
      const own = { since, until, lastMs, probing: false };
      waiting.set(key, own);
      return own;
    },
    answered(key, began) {
      if ((waiting.get(key)?.since ?? began) < began) waiting.delete(key);
    },
  };
}

/** The wait after some trouble, or the one before where it is as long. */
export function waitAfter(
  before: Waiting | undefined,
  began: number,
  at: number,
  error: HostedAgentIdentityError,
  obeyedMs: number,
): Waiting {
  // Requests that were out together are one trouble: the wait does not grow with their number.
  const isSame = before !== undefined && began <= before.since;
  const doubled = before === undefined || isSame ? firstMs : Math.min(before.lastMs * 2, longestMs);
  const asked = error.category === "loop" ? loopMs : error.retryAfterMs;
  // "Retry-After: 0", or a date that has passed by our clock, would be no wait at all: a storm.
  const lastMs = Math.min(Math.max(asked ?? doubled, firstMs), obeyedMs);
  if (isSame && at + lastMs <= before.until) return before;
  return { since: at, until: at + lastMs, lastMs, probing: false };
}

/** How long is left to wait, in milliseconds; 0 to go ahead. */
export function leftOf({ until, probing }: Waiting, at: number): number {
  if (until > at) return until - at;
  return probing ? firstMs : 0;
}

export function isForgotten({ until, lastMs, probing }: Waiting, at: number): boolean {
  return !probing && at - until > lastMs + forgottenAfterMs;
}

/** The users in trouble within the last seconds: what tells one user's trouble from everybody's. */
export interface Troubles {
  note(trouble: Trouble): void;
  /** A user of the tenant was answered: it is not throttled, and the cloud is well. */
  answered(tenant: string): void;
  /** Whether so many users of the tenant are in trouble that the trouble is the tenant's. */
  isOfTenant(tenant: string): boolean;
  /** Whether so many users of several tenants are in trouble with the cloud itself that it is down. */
  isOutage(): boolean;
}

/** One user's trouble. */
interface Trouble {
  readonly person: string;
  readonly tenant: string;
  /** A 5xx, or no answer: it may be the cloud's. A 429 is the person's, or the client's in that tenant. */
  readonly ofCloud: boolean;
}

/** One user's trouble says nothing about the tenant; that of this many in so short a time does. */
const distinctPeople = 5;
const windowMs = 10_000;
/** A tenant may be hostile or throttled: no more than this many of its users count toward an outage. */
const countedOfTenant = 3;
const maxKept = 1_000;

/** Makes an empty list. */
export function troubles(age: () => number): Troubles {
  let recent: readonly (Trouble & { readonly at: number })[] = [];

  return {
    note(trouble) {
      const at = age();
      const others = recent.filter((one) => one.person !== trouble.person && at - one.at < windowMs);
      recent = [...others, { ...trouble, at }].slice(-maxKept);
    },
    answered(tenant) {
      if (recent.length === 0) return;
      recent = recent
        .filter((one) => one.tenant !== tenant)
        .map(({ person, tenant: other, at }) => ({ person, tenant: other, at, ofCloud: false }));
    },
    isOfTenant: (tenant) => recent.filter((one) => one.tenant === tenant).length >= distinctPeople,
    isOutage() {
      const counted = new Map<string, number>();
      for (const { tenant, ofCloud } of recent)
        if (ofCloud) counted.set(tenant, Math.min((counted.get(tenant) ?? 0) + 1, countedOfTenant));
      return [...counted.values()].reduce((sum, count) => sum + count, 0) >= distinctPeople;
    },
  };
}

/** Lets so many requests of one app be under way at a time. The others wait in the order in which they came. */
export interface RequestTurns {
  /**
   * Runs the request when it is its turn. Throws `backing_off` when that takes too long, and the signal's reason when
   * it aborts before. The time of the request itself is counted by whoever makes it.
   */
  run<T>(signal: AbortSignal, request: () => Promise<T>): Promise<T>;
}

/**
 * How many requests an app has under way at once. Without a limit a burst opens a socket for each user, and the
 * deadlines of all of them run while this process is busy with the others.
 */
export const maxRequests = 128;

/** How long a request waits for its turn, in milliseconds: as long as an access waits for a token by default. */
const maxWaitMs = 30_000;

/** So many may wait: each holds what its request is to send. */
const maxWaiting = 10_000;

/** Makes the turns of one app. */
export function requestTurns(
  atOnce: number = maxRequests,
  waitMs: number = maxWaitMs,
  mayWait: number = maxWaiting,
): RequestTurns {
  /** Those that wait, the first one first. Called, they have the place of the request that has ended. */
  const waiting = new Set<() => void>();
  let underWay = 0;

  const turn = (signal: AbortSignal): Promise<void> => {
    let begin: () => void = () => undefined;
    if (waiting.size >= mayWait) return Promise.reject(crowded(`as ${mayWait} others are waiting`));
    return withDeadline(
      waitMs,
      signal,
      () => crowded(`after waiting ${waitMs} ms for its turn`),
      () =>
        new Promise<void>((resolve) => {
          begin = resolve;
          waiting.add(begin);
        }),
    ).catch((cause: unknown) => {
      // Its turn may have come in the moment in which it left.
      if (!waiting.delete(begin)) handOn();
      throw cause;
    });
  };

  const handOn = (): void => {
    const [first] = waiting;
    if (first === undefined) {
      underWay -= 1;
      return;
    }
    waiting.delete(first);
    first();
  };

  return {
    async run(signal, request) {
      signal.throwIfAborted();
      if (underWay < atOnce) underWay += 1;
      else await turn(signal);
      try {
        return await request();
      } finally {
        handOn();
      }
    },
  };
}

/** Not an `entra_timeout`, from which the back-off would learn that Entra is in trouble. */
function crowded(when: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("backing_off", `The request was not sent to Entra, ${when}.`, {
    retryAfterMs: 1_000,
    help: backingOffCauses.crowded.help,
  });
}
