import { setTimeout as wait } from "node:timers/promises";
import { html, type Reply } from "./http.js";
import type { Policies, PolicySubject } from "./policies.js";
import { Refused, refused } from "./refused.js";

/** Policies that act before a request is looked at. */
const early = ["throttled", "transient", "html", "hang", "reset"] as const;

/** What to do instead of answering. */
export type Fault = { readonly kind: "reply"; readonly reply: Reply } | { readonly kind: "hang" | "reset" };

/** Applies faults: waits, throws a refusal, or says what to do instead. `undefined`: go on. */
export async function applyFaults(
  policies: Policies,
  subject: PolicySubject,
  signal: AbortSignal,
): Promise<Fault | undefined> {
  const slow = policies.take(["slow"], subject);
  if (slow?.type === "slow") await wait(slow.delayMs, undefined, { signal });
  const policy = policies.take(early, subject);
  switch (policy?.type) {
    case "throttled": {
      const { facts } = refused("throttled");
      throw new Refused(facts, { retryAfterS: policy.retryAfterS ?? 5 });
    }
    case "transient": {
      const { facts } = refused("transient");
      throw new Refused({ ...facts, status: policy.status ?? facts.status });
    }
    case "html": {
      const page = "<!doctype html><html lang=en><title>Proxy</title><h1>Bad gateway</h1></html>";
      return { kind: "reply", reply: html(policy.status ?? 502, page) };
    }
    case "hang":
    case "reset":
      return { kind: policy.type };
    default:
      return undefined;
  }
}

/** Lets two responses change places. */
export interface Swapper {
  /** The reply to write in place of this one; for the first of a pair it comes with the second. */
  swap(policyId: string, reply: Reply): Promise<Reply>;
}

export function createSwapper(): Swapper {
  const waiting = new Map<string, { reply: Reply; take: (other: Reply) => void }>();
  return {
    swap: (policyId, reply) => {
      const first = waiting.get(policyId);
      if (first === undefined) {
        return new Promise((take) => {
          waiting.set(policyId, { reply, take });
        });
      }
      waiting.delete(policyId);
      first.take(reply);
      return Promise.resolve(first.reply);
    },
  };
}
