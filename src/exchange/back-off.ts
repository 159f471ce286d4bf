import { emit, type OnEvent } from "../events/events.js";
import {
  HostedAgentIdentityError,
  isHostedAgentIdentityError,
  isTokenExchangeError,
  type ErrorCategory,
} from "../errors.js";
import { equalExchanges } from "./equal-exchanges.js";
import { troubles } from "./troubles.js";
import { isForgotten, leftOf, loopMs, waitAfter, waits, type Waiting } from "./waits.js";

/** Who is about to ask, and for what. */
export interface Asking {
  readonly clientId: string;
  readonly tenantId: string;
  /** The account, within the tenant: Entra counts by it, whichever chat or access asks. */
  readonly principal: string;
  /** What sets this exchange apart from another one of the same principal; `undefined` counts none. */
  readonly exchange: string | undefined;
}

/**
 * Whom Entra asked to wait. Fate is shared only where Entra shares it: first the principal waits, at every
 * access of the app; the tenant after several distinct principals; another tenant only in an outage of the cloud.
 */
export interface BackOff {
  /** Runs an exchange and learns from how it ends. Throws `backing_off` where no request may be sent now. */
  run<T>(asking: Asking, exchange: () => Promise<T>): Promise<T>;
}

const principalObeyedMs = 300_000;
const tenantObeyedMs = 60_000;

/** Makes the back-off of one app, for all of its accesses. */
export function backOff(age: () => number, onEvent: OnEvent | undefined): BackOff {
  const people = waits({ scope: "user", max: 10_000, obeyedMs: principalObeyedMs, age, onEvent });
  const tenants = waits({ scope: "tenant", max: 1_000, obeyedMs: tenantObeyedMs, age, onEvent });
  const recent = troubles(age);
  const budgets = equalExchanges(age, onEvent);
  let cloud: Waiting | undefined;

  /** The tenant's own wait, or its part of an outage: from there on it finds out for itself. */
  const waitOfTenant = (tenant: string): Waiting | undefined => {
    if (cloud !== undefined && isForgotten(cloud, age())) cloud = undefined;
    return tenants.of(tenant) ?? (cloud && tenants.adopt(tenant, cloud));
  };

  const answered = (person: string, tenant: string, began: number): void => {
    recent.answered(tenant);
    people.answered(person, began);
    tenants.answered(tenant, began);
    if (cloud !== undefined && cloud.since < began) cloud = undefined;
  };

  const inTrouble = (
    person: string,
    tenant: string,
    began: number,
    error: HostedAgentIdentityError,
    hadToWait: boolean,
  ): void => {
    people.lengthen(person, began, error);
    if (error.category === "loop") return;
    const ofCloud = error.category === "retry";
    recent.note({ person, tenant, ofCloud });
    // Whoever was in trouble before says nothing new: one person cannot keep a tenant waiting by probing for it.
    const failedProbe = !hadToWait && waitOfTenant(tenant) !== undefined;
    if (recent.isOfTenant(tenant) || failedProbe) tenants.lengthen(tenant, began, error);
    if (!ofCloud || cloud !== undefined || !recent.isOutage()) return;
    cloud = waitAfter(undefined, began, age(), error, tenantObeyedMs);
    emit(onEvent, { type: "back_off", scope: "cloud", forMs: cloud.lastMs });
  };

  return {
    async run({ clientId, tenantId, principal, exchange }, send) {
      const tenant = `${clientId} ${tenantId}`;
      const person = `${tenant} ${principal}`;
      const equal = exchange === undefined ? undefined : `${person} ${exchange}`;
      const began = age();
      const own = people.of(person);
      const held = [own, waitOfTenant(tenant)].filter((one) => one !== undefined);
      const ms = Math.max(0, ...held.map((one) => leftOf(one, began)));
      if (ms > 0)
        throw new HostedAgentIdentityError("backing_off", undefined, { retryAfterMs: Math.ceil(ms) });
      if (equal !== undefined) budgets.spend(equal);
      for (const one of held) one.probing = true;
      try {
        const given = await send();
        answered(person, tenant, began);
        return given;
      } catch (cause) {
        const trouble = troubleOf(cause);
        if (trouble !== undefined) inTrouble(person, tenant, began, trouble, own !== undefined);
        else if (isAnswer(cause)) answered(person, tenant, began);
        if (trouble?.category === "loop" && equal !== undefined) budgets.exhaust(equal, loopMs);
        throw cause;
      } finally {
        for (const one of held) one.probing = false;
      }
    },
  };
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
