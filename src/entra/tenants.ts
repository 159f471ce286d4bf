import { boundedMap } from "../async/bounded-map.js";
import type { Clocks } from "../async/clocks.js";
import { withDeadline } from "../async/deadline.js";
import { singleFlight } from "../async/single-flight.js";
import { isUserTokenError, UserTokenError } from "../errors.js";

/**
 * Says whether users of a tenant may come, for tenants that are added or removed while the process runs. It gets the
 * tenant's id in lower case. Only `true` lets users in.
 * @inline
 */
export type AskTenant = (tid: string) => boolean | Promise<boolean>;

/** Known by name, so that the door of another copy of this package is no function to be remembered again. */
const made: symbol = Symbol.for("hosted-agent-identity/tenant-door/1");
/** A tenant that is removed is out, and one that is added is in, after this time. */
const rememberedMs = 60_000;
const limitMs = 5_000;
const most = 10_000;

/** Whether a function is a door already. */
export function isTenantDoor(ask: unknown): boolean {
  return typeof ask === "function" && made in ask;
}

/**
 * The function of the developer with a memory: what is remembered is answered at once, anything else by a promise, which
 * rejects with `tenants_unavailable`. Remembers answers for a minute from when they were asked for, asks once for all who wait, and waits five seconds at
 * most. An error is no answer: nobody is let in, and the next request asks again.
 */
export function tenantDoor(ask: AskTenant, { age }: Pick<Clocks, "age">): AskTenant {
  if (isTenantDoor(ask)) return ask;
  // Apart, because anybody can send a token with any tenant: a flood of those must not push out the ones that count.
  const [admitted, refused] = [boundedMap<string, number>(most), boundedMap<string, number>(most)];
  const asking = singleFlight<boolean>();

  async function answerTo(tid: string): Promise<boolean> {
    const until = age() + rememberedMs;
    let answer: boolean;
    try {
      // Any other value than `true` is a no: what a query forgot to return lets nobody in.
      answer = (await withDeadline(limitMs, undefined, timedOut, async () => ask(tid))) === true;
    } catch (cause) {
      throw isUserTokenError(cause)
        ? cause
        : new UserTokenError("tenants_unavailable", undefined, {}, { cause });
    }
    (answer ? refused : admitted).delete(tid);
    (answer ? admitted : refused).set(tid, until);
    return answer;
  }

  const door: AskTenant = (tid) => {
    const time = age();
    if ((admitted.get(tid) ?? 0) > time) return true;
    if ((refused.get(tid) ?? 0) > time) return false;
    return asking.run(tid, () => answerTo(tid));
  };
  return Object.assign(door, { [made]: true });
}

function timedOut(): Error {
  return new UserTokenError(
    "tenants_unavailable",
    `The function allowedTenants gave no answer within ${limitMs} ms.`,
  );
}
