import { boundedMap } from "../async/bounded-map.js";
import {
  HostedAgentIdentityError,
  isHostedAgentIdentityError,
  isTokenExchangeError,
  type ErrorCategory,
} from "../errors.js";
import { backingOffCauses } from "../errors/causes/tokens.js";
import { emit, type OnEvent } from "../events/events.js";
import { digest } from "../sealing/digest.js";
import {
  isForgotten,
  leftOf,
  loopMs,
  waitAfter,
  waits,
  type Waiting,
  type Waits,
  troubles,
  type Troubles,
} from "./waits.js";

/** A request that is about to be sent: for which account, and for what. */
export interface Asking {
  readonly clientId: string;
  readonly tenantId: string;
  /** The account, within the tenant: Entra counts by it, whichever chat or access asks. */
  readonly principal: string;
  /** What sets this exchange apart from another one of the same principal; `undefined` counts none. */
  readonly exchange: string | undefined;
}

/**
 * The waits that Entra asked for. Fate is shared only where Entra shares it: first the principal waits, at every
 * access of the app; the tenant after several distinct principals; another tenant only in an outage of the cloud.
 */
export interface BackOff {
  /** Runs an exchange and learns from how it ends. Throws `backing_off` where no request may be sent now. */
  run<T>(asking: Asking, exchange: () => Promise<T>): Promise<T>;
}

const principalObeyedMs = 300_000;
const tenantObeyedMs = 60_000;

interface BackOffState {
  readonly age: () => number;
  readonly onEvent: OnEvent | undefined;
  readonly people: Waits;
  readonly tenants: Waits;
  readonly recent: Troubles;
  readonly budgets: EqualExchanges;
  /** The wait of an outage. */
  cloud: Waiting | undefined;
}

/** One exchange, from when it may be sent. */
interface Running {
  readonly person: string;
  readonly tenant: string;
  /** Its account, client and parameters, where a budget applies. */
  readonly equal: string | undefined;
  readonly began: number;
  /** Whether the person was under a wait when it began. */
  readonly hadToWait: boolean;
}

/** Makes the back-off of one app, for all of its accesses. */
export function backOff(age: () => number, onEvent: OnEvent | undefined): BackOff {
  const state: BackOffState = {
    age,
    onEvent,
    people: waits({ scope: "user", max: 10_000, obeyedMs: principalObeyedMs, age, onEvent }),
    tenants: waits({ scope: "tenant", max: 1_000, obeyedMs: tenantObeyedMs, age, onEvent }),
    recent: troubles(age),
    budgets: equalExchanges(age, onEvent),
    cloud: undefined,
  };
  return { run: (asking, exchange) => run(state, asking, exchange) };
}

async function run<T>(
  state: BackOffState,
  { clientId, tenantId, principal, exchange }: Asking,
  send: () => Promise<T>,
): Promise<T> {
  const { people, budgets } = state;
  const began = state.age();
  const tenant = `${clientId} ${tenantId}`;
  const person = `${tenant} ${principal}`;
  const equal = exchange === undefined ? undefined : `${person} ${exchange}`;
  const own = people.of(person);
  const held = [own, waitOfTenant(state, tenant)].filter((one) => one !== undefined);
  const ms = Math.max(0, ...held.map((one) => leftOf(one, began)));
  if (ms > 0) throw new HostedAgentIdentityError("backing_off", undefined, { retryAfterMs: Math.ceil(ms) });
  if (equal !== undefined) budgets.spend(equal);
  const running = { person, tenant, equal, began, hadToWait: own !== undefined };
  for (const one of held) one.probing = true;
  try {
    const given = await send();
    answered(state, running);
    return given;
  } catch (cause) {
    learn(state, running, cause);
    throw cause;
  } finally {
    for (const one of held) one.probing = false;
  }
}

/** The tenant's own wait, or its part of an outage: from there on the tenant probes for itself. */
function waitOfTenant(state: BackOffState, tenant: string): Waiting | undefined {
  const { tenants, age } = state;
  if (state.cloud !== undefined && isForgotten(state.cloud, age())) state.cloud = undefined;
  return tenants.of(tenant) ?? (state.cloud && tenants.adopt(tenant, state.cloud));
}

/** Entra answered, if only to refuse: every wait that began before the request is over. */
function answered(state: BackOffState, { person, tenant, began }: Running): void {
  state.recent.answered(tenant);
  state.people.answered(person, began);
  state.tenants.answered(tenant, began);
  if (state.cloud !== undefined && state.cloud.since < began) state.cloud = undefined;
}

function learn(state: BackOffState, running: Running, cause: unknown): void {
  const { equal } = running;
  const trouble = troubleOf(cause);
  if (trouble !== undefined) inTrouble(state, running, trouble);
  else if (isAnswer(cause)) answered(state, running);
  if (trouble?.category === "loop" && equal !== undefined) state.budgets.exhaust(equal, loopMs);
}

function inTrouble(state: BackOffState, running: Running, error: HostedAgentIdentityError): void {
  const { people, tenants, recent, age, onEvent } = state;
  const { person, tenant, began, hadToWait } = running;
  people.lengthen(person, began, error);
  if (error.category === "loop") return;
  const ofCloud = error.category === "retry";
  recent.note({ person, tenant, ofCloud });
  // A person who was in trouble before says nothing new: one person's probes cannot keep a tenant waiting.
  const failedProbe = !hadToWait && waitOfTenant(state, tenant) !== undefined;
  if (recent.isOfTenant(tenant) || failedProbe) tenants.lengthen(tenant, began, error);
  if (!ofCloud || state.cloud !== undefined || !recent.isOutage()) return;
  state.cloud = waitAfter(undefined, began, age(), error, tenantObeyedMs);
  emit(onEvent, { type: "back_off", scope: "cloud", forMs: state.cloud.lastMs });
}

/** The trouble that Entra is in, or says that the caller is in. */
function troubleOf(error: unknown): HostedAgentIdentityError | undefined {
  if (!isHostedAgentIdentityError(error)) return undefined;
  // A wait of our own is no news, and a store of sign-ins that is down says nothing about Entra.
  if (error.code === "backing_off" || error.code === "store_unavailable") return undefined;
  return troubled.has(error.category) ? error : undefined;
}

const troubled: ReadonlySet<string> = new Set<ErrorCategory>(["throttle", "retry", "loop"]);

/** Whether Entra answered, if only to refuse: whatever else went wrong says nothing about it. */
function isAnswer(error: unknown): boolean {
  return isTokenExchangeError(error) && error.status !== undefined;
}

/** How often the very same exchange may be made. */
interface EqualExchanges {
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
