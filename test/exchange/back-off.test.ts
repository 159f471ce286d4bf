import { beforeEach, describe, expect, it } from "vitest";
import { HostedAgentIdentityError, TokenExchangeError, type IdentityEvent } from "hosted-agent-identity";
import { backOff, type Asking, type BackOff } from "../../src/exchange/back-off.js";

let time: number;
let events: IdentityEvent[];
let waits: BackOff;
beforeEach(() => {
  time = 1_000_000;
  events = [];
  waits = backOff(
    () => time,
    (event) => void events.push(event),
  );
});

const error = (category: "throttle" | "retry" | "loop" | "blocked", retryAfterMs?: number): Error =>
  new HostedAgentIdentityError("token_exchange_failed", "Busy.", { category, retryAfterMs });
const busy = (retryAfterMs?: number): Error => error("throttle", retryAfterMs);
const down = (): Error => error("retry");

const asking = (principal: string, more: Partial<Asking> = {}): Asking => ({
  clientId: "app",
  tenantId: "home",
  principal,
  exchange: undefined,
  ...more,
});

/** One exchange that ends with `cause`, or is answered. Gives how long it was refused for, 0 if it was sent. */
async function ask(principal: string, cause?: Error, more: Partial<Asking> = {}): Promise<number> {
  try {
    await waits.run(asking(principal, more), () =>
      cause === undefined ? Promise.resolve() : Promise.reject(cause),
    );
  } catch (thrown) {
    const { code, retryAfterMs } = thrown as HostedAgentIdentityError;
    if (code === "backing_off") return retryAfterMs ?? Number.NaN;
  }
  return 0;
}

/** An exchange that is under way until it is told how it ends. */
function begin(principal: string, more: Partial<Asking> = {}): { end(cause?: Error): Promise<void> } {
  let settle: (cause?: Error) => void = () => undefined;
  const sent = waits.run(
    asking(principal, more),
    () =>
      new Promise<void>((resolve, reject) => {
        settle = (cause) => (cause === undefined ? resolve() : reject(cause));
      }),
  );
  return {
    async end(cause) {
      settle(cause);
      await sent.catch(() => undefined);
    },
  };
}

describe("the wait of one principal", () => {
  it("doubles up to a minute, and begins anew after a success", async () => {
    const seen: number[] = [];
    for (let n = 0; n < 8; n += 1) {
      await ask("Ada", busy());
      const left = await ask("Ada");
      seen.push(left / 1000);
      time += left;
    }
    expect(seen).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    await ask("Ada");
    await ask("Ada", busy());
    expect(await ask("Ada")).toBe(1_000);
  });

  it("is as long as Entra asks for, never nothing, and at most five minutes", async () => {
    await ask("Ada", busy(30_000));
    await ask("Bob", busy(0));
    await ask("Cy", busy(3_600_000));
    expect([await ask("Ada"), await ask("Bob"), await ask("Cy"), await ask("Dee")]).toEqual([
      30_000, 1_000, 300_000, 0,
    ]);
  });

  it("holds at every client and tenant by itself", async () => {
    await ask("Ada", busy());
    expect([
      await ask("Ada", undefined, { tenantId: "other" }),
      await ask("Ada", undefined, { clientId: "other" }),
    ]).toEqual([0, 0]);
    expect(await ask("Ada")).toBe(1_000);
  });

  it("lets one ask after it, and the others once that one was answered", async () => {
    await ask("Ada", busy());
    time += 1_000;
    const probe = begin("Ada");
    expect([await ask("Ada"), await ask("Ada")]).toEqual([1_000, 1_000]);
    await probe.end();
    expect(await Promise.all([ask("Ada"), ask("Ada")])).toEqual([0, 0]);
  });

  it("lets another one ask when the probe ended in a way that says nothing", async () => {
    await ask("Ada", busy());
    time += 1_000;
    await ask("Ada", new Error("its caller's time was up"));
    expect(await ask("Ada")).toBe(0);
  });

  it("is one trouble for all who were out together, however many failed", async () => {
    const together = Array.from({ length: 100 }, () => begin("Ada"));
    for (const one of together) await one.end(busy());
    expect(await ask("Ada")).toBe(1_000);
    expect(events).toEqual([{ type: "back_off", scope: "user", forMs: 1_000 }]);
  });

  it("is the longest that was asked for of those who were out together", async () => {
    const [first, second] = [begin("Ada"), begin("Ada")];
    await first.end(busy(5_000));
    await second.end(busy(20_000));
    expect(await ask("Ada")).toBe(20_000);
  });

  it("is not ended by an answer to what was asked before it began", async () => {
    const [slow, quick] = [begin("Ada"), begin("Ada")];
    time += 10;
    await quick.end(busy());
    await slow.end();
    expect(await ask("Ada")).toBe(1_000);
  });

  it("is ended by a refusal of another kind, which Entra gave", async () => {
    await ask("Ada", busy());
    time += 1_000;
    const no = new TokenExchangeError(
      "token_exchange_failed",
      "No.",
      { status: 400 },
      { category: "blocked" },
    );
    await ask("Ada", no);
    expect(await Promise.all([ask("Ada"), ask("Ada")])).toEqual([0, 0]);
  });

  it("is neither ended nor prolonged by a store of sign-ins that is down, which says nothing about Entra", async () => {
    await ask("Ada", busy());
    time += 1_000;
    await ask("Ada", new HostedAgentIdentityError("store_unavailable"));
    expect(await Promise.all([ask("Ada"), ask("Ada")])).toEqual([0, 1_000]);
  });

  it("is forgotten for whoever has waited longest, where too many wait", async () => {
    for (let n = 0; n <= 10_000; n += 1) await ask(`user ${n}`, busy(300_000), { tenantId: `tenant ${n}` });
    expect([
      await ask("user 0", undefined, { tenantId: "tenant 0" }),
      await ask("user 1", undefined, { tenantId: "tenant 1" }),
    ]).toEqual([0, 300_000]);
  });

  it("is five minutes when Entra sees a loop, and nobody else's", async () => {
    await ask("Ada", error("loop"));
    for (const one of ["Bob", "Cy", "Dee", "Eve", "Fay"]) await ask(one, error("loop"));
    expect([await ask("Ada"), await ask("Gus")]).toEqual([300_000, 0]);
    expect(events).not.toContainEqual(expect.objectContaining({ scope: "tenant" }));
  });
});

describe("the wait of a tenant", () => {
  const five = ["a", "b", "c", "d", "e"];
  const trouble = async (people: readonly string[], cause: Error, tenantId = "home"): Promise<void> => {
    for (const one of people) await ask(one, cause, { tenantId });
  };

  it("begins with the fifth principal in ten seconds, not with the fourth, and not with one five times", async () => {
    for (let n = 0; n < 5; n += 1) {
      await ask("a", busy());
      time += await ask("a");
    }
    time += 10_000;
    await trouble(five.slice(0, 4), busy());
    expect(await ask("somebody else", new Error("nothing said"))).toBe(0);
    time += 10_000;
    await trouble(["f"], busy());
    expect(await ask("somebody else")).toBe(0);
  });

  it("is not begun by five in trouble when somebody between them was served", async () => {
    await trouble(five.slice(0, 4), busy());
    await ask("somebody else");
    await trouble(five.slice(4), busy());
    expect(await ask("somebody else")).toBe(0);
  });

  it("stops that tenant and no other one", async () => {
    await trouble(five, busy(120_000));
    expect([await ask("x"), await ask("x", undefined, { tenantId: "other" })]).toEqual([60_000, 0]);
    expect(events.at(-1)).toEqual({ type: "back_off", scope: "tenant", forMs: 60_000 });
  });

  it("lets one ask after it, and all of them once that one was served", async () => {
    await trouble(five, busy());
    expect(await ask("x")).toBe(1_000);
    time += 1_000;
    const probe = begin("x");
    expect([await ask("y"), await ask("z")]).toEqual([1_000, 1_000]);
    await probe.end();
    expect(await Promise.all([ask("y"), ask("z")])).toEqual([0, 0]);
  });

  it("is longer after a probe that failed", async () => {
    await trouble(five, busy());
    time += 1_000;
    expect(await ask("x", busy())).toBe(0);
    expect(await ask("y")).toBe(2_000);
  });

  it("is not prolonged by somebody who was in trouble before, and probes for it again and again", async () => {
    await trouble(five, busy());
    time += 10_000;
    for (const left of [0, 0]) {
      expect(await ask("a", busy())).toBe(left);
      expect(await ask("somebody else", new Error("nothing said"))).toBe(0);
      time += await ask("a");
    }
  });

  it("is over for good when nobody has asked for long: then one person's trouble is one person's again", async () => {
    await trouble(five, busy());
    time += 60_000;
    await ask("x", busy());
    expect(await ask("y")).toBe(0);
  });
});

describe("an outage of the cloud", () => {
  const hostile = ["a", "b", "c", "d", "e", "f", "g", "h"];

  it("is not made by one tenant, however many of its people are in trouble", async () => {
    for (const one of hostile) await ask(one, down(), { tenantId: "hostile" });
    expect([await ask("x", undefined, { tenantId: "hostile" }), await ask("x")]).toEqual([1_000, 0]);
  });

  it("is not made by throttling, in however many tenants", async () => {
    for (const one of hostile) await ask(one, busy(), { tenantId: `tenant of ${one}` });
    expect(await ask("x")).toBe(0);
  });

  it("stops every tenant, and then each asks once for itself", async () => {
    for (const one of hostile.slice(0, 3)) await ask(one, down(), { tenantId: "hostile" });
    await ask("Ada", down());
    await ask("Bob", down());
    expect(events.at(-1)).toEqual({ type: "back_off", scope: "cloud", forMs: 1_000 });
    expect([await ask("x"), await ask("x", undefined, { tenantId: "third" })]).toEqual([1_000, 1_000]);
    time += 1_000;
    // A probe of the hostile tenant keeps nobody else waiting.
    await ask("i", down(), { tenantId: "hostile" });
    const probe = begin("x");
    expect([await ask("y"), await ask("y", undefined, { tenantId: "hostile" })]).toEqual([1_000, 2_000]);
    await probe.end();
    const fourth = { tenantId: "fourth" };
    expect(
      await Promise.all([ask("y"), ask("z"), ask("y", undefined, fourth), ask("z", undefined, fourth)]),
    ).toEqual([0, 0, 0, 0]);
  });

  it("is not begun while anybody is served", async () => {
    for (const one of hostile.slice(0, 3)) await ask(one, down(), { tenantId: "hostile" });
    await ask("Ada");
    await ask("Bob", down());
    await ask("Cy", down());
    expect(await ask("x")).toBe(0);
  });
});

describe("the budget of an equal exchange", () => {
  const same = { exchange: "contacts, read" };
  const spend = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n += 1) expect(await ask("Ada", undefined, same)).toBe(0);
  };

  it("is thirty in five minutes, and one every ten seconds after them", async () => {
    await spend(30);
    expect(await ask("Ada", undefined, same)).toBe(10_000);
    time += 10_000;
    await spend(1);
    expect(await ask("Ada", undefined, same)).toBe(10_000);
    expect(events[0]).toEqual({ type: "back_off", scope: "exchange", forMs: 10_000 });
    time += 300_000;
    await spend(30);
  });

  it("is that of this exchange and this person only", async () => {
    await spend(30);
    expect([
      await ask("Ada", undefined, { exchange: "contacts, write" }),
      await ask("Bob", undefined, same),
      await ask("Ada"),
    ]).toEqual([0, 0, 0]);
  });

  it("says how often and what to look for, and names nobody", async () => {
    await spend(30);
    const refused: unknown = await waits
      .run(asking("Ada", same), async () => undefined)
      .catch((one: unknown) => one);
    expect(refused).toMatchObject({
      code: "backing_off",
      message: expect.stringMatching(/^The same exchange was made 30 times within 5 minutes/),
      help: expect.stringContaining("forget()"),
    });
    expect(JSON.stringify(refused)).not.toContain("Ada");
  });

  it("is spent once Entra has seen a loop: after the wait that exchange has one every ten seconds, others all", async () => {
    await ask("Ada", error("loop"), same);
    time += 300_000;
    await spend(1);
    expect(await ask("Ada", undefined, same)).toBe(10_000);
    expect(await ask("Ada", undefined, { exchange: "contacts, write" })).toBe(0);
  });
});
