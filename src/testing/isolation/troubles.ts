import type { EntraUser } from "../entra/directory-objects.js";
import type { EntraPolicy } from "../entra/policy-types.js";
import type { EntraEmulator } from "../entra/emulator.js";
import type { IsolationTrouble } from "./options.js";
import type { Trouble } from "./plan.js";
import type { Witness } from "./witness.js";

/** Makes things go wrong, and puts them right again. */
export interface Troubles {
  /** Called before each question. */
  before(user: EntraUser, trouble: Trouble | undefined): Promise<void>;
  /** Ends all that is still going on. */
  end(): Promise<void>;
  readonly counts: Readonly<Record<string, number>>;
}

export interface TroublesOptions {
  readonly entra: EntraEmulator;
  readonly witness: Witness;
  /** The developer's own. */
  readonly own: readonly IsolationTrouble[];
  /** How many questions there will be. */
  readonly questions: number;
}

export function startTroubles({ entra, witness, own, questions }: TroublesOptions): Troubles {
  const counts: Record<string, number> = {};
  const policies: string[] = [];
  const going = new Set<IsolationTrouble>();
  let asked = 0;

  const count = (name: string): void => void (counts[name] = (counts[name] ?? 0) + 1);
  const policy = (one: EntraPolicy): void => void policies.push(entra.policies.add({ ...one, times: 1 }).id);
  /** An exchange happens only for somebody whose token is of no use any more. */
  const make: Readonly<Record<Trouble, (user: string) => void>> = {
    "token worn out": () => undefined,
    "MCP sessions dropped": () => witness.dropSessions(),
    "Entra slow": (user) => policy({ type: "slow", delayMs: 60, user }),
    "Entra failing": (user) => policy({ type: "transient", user }),
    "Entra throttling": (user) => policy({ type: "throttled", retryAfterS: 1, user }),
  };

  async function end(trouble: IsolationTrouble): Promise<void> {
    if (going.delete(trouble)) await trouble.end();
  }

  /** One after the other, each for a while, with a quiet while before and after it. */
  async function ownTroubles(): Promise<void> {
    const whiles = 2 * own.length + 1;
    const now = Math.floor((asked++ / questions) * whiles);
    for (const [n, trouble] of own.entries()) {
      if (now > 2 * n + 1) await end(trouble);
      if (now !== 2 * n + 1 || counts[trouble.name] !== undefined) continue;
      count(trouble.name);
      going.add(trouble);
      await trouble.begin();
    }
  }

  return {
    counts,
    async before(user, trouble) {
      await ownTroubles();
      if (trouble === undefined) return;
      count(trouble);
      if (trouble !== "MCP sessions dropped") witness.wearOut(user.oid);
      make[trouble](user.oid);
    },
    async end() {
      for (const id of policies) entra.policies.remove(id);
      const ended = await Promise.allSettled([...going].map(end));
      for (const one of ended) if (one.status === "rejected") throw one.reason;
    },
  };
}
