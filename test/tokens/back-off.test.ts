import { beforeEach, describe, expect, it } from "vitest";
import { HostedAgentIdentityError, type IdentityEvent } from "hosted-agent-identity";
import { backOff, type BackOff } from "../../src/tokens/back-off.js";

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

const busy = (retryAfterMs?: number): HostedAgentIdentityError =>
  new HostedAgentIdentityError("token_exchange_failed", "Busy.", { category: "throttle", retryAfterMs });

/** How long a principal has to wait now, in milliseconds; 0 when it may ask. */
function waitOf(principal: string): number {
  try {
    waits.check(principal);
    return 0;
  } catch (error) {
    return (error as HostedAgentIdentityError).retryAfterMs ?? Number.NaN;
  }
}

describe("the wait of one principal", () => {
  it("doubles up to a minute, and begins anew after a success", () => {
    const seen: number[] = [];
    for (let n = 0; n < 8; n += 1) {
      waits.note("Ada", busy());
      seen.push(waitOf("Ada") / 1000);
      time += waitOf("Ada");
    }
    expect(seen).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    waits.note("Ada", undefined);
    expect(waitOf("Ada")).toBe(0);
    waits.note("Ada", busy());
    expect(waitOf("Ada")).toBe(1_000);
  });

  it("is as long as Entra asks for, and never nothing", () => {
    waits.note("Ada", busy(30_000));
    waits.note("Bob", busy(0));
    expect([waitOf("Ada"), waitOf("Bob"), waitOf("Cy")]).toEqual([30_000, 1_000, 0]);
  });

  it("is over when the clock was put back to before it began", () => {
    waits.note("Ada", busy(3_600_000));
    time -= 1;
    expect(waitOf("Ada")).toBe(0);
  });

  it.each([
    ["a refusal of another kind", "blocked", "token_exchange_failed"],
    ["a store of sign-ins that is down", "retry", "store_unavailable"],
  ] as const)("is ended by %s, which says nothing about Entra", (_what, category, code) => {
    waits.note("Ada", busy());
    waits.note("Ada", new HostedAgentIdentityError(code, "Other.", { category }));
    expect(waitOf("Ada")).toBe(0);
  });

  it("is forgotten for whoever has waited longest, where too many wait", () => {
    for (let n = 0; n <= 10_000; n += 1) {
      waits.note(`user ${n}`, busy(1_000_000_000));
      // Far enough apart not to be everybody's trouble.
      time += 10_000;
    }
    expect([waitOf("user 0"), waitOf("user 1") > 0]).toEqual([0, true]);
  });
});

describe("the wait of everybody", () => {
  const five = ["a", "b", "c", "d", "e"];

  it("begins with the fifth principal in ten seconds, not with the fourth, and not with one five times", () => {
    for (let n = 0; n < 5; n += 1) waits.note("a", busy());
    for (const one of five.slice(1, 4)) waits.note(one, busy());
    expect(waitOf("somebody else")).toBe(0);
    time += 10_000;
    waits.note("e", busy());
    expect(waitOf("somebody else")).toBe(0);
  });

  it("lets one ask after it, and all of them once that one was served", () => {
    for (const one of five) waits.note(one, busy());
    expect(waitOf("x")).toBe(1_000);
    time += 1_000;
    expect([waitOf("x"), waitOf("y"), waitOf("z")]).toEqual([0, 1_000, 1_000]);
    waits.note("x", undefined);
    expect([waitOf("y"), waitOf("z")]).toEqual([0, 0]);
  });

  it("is longer after a probe that failed", () => {
    for (const one of five) waits.note(one, busy());
    time += 1_000;
    expect(waitOf("x")).toBe(0);
    waits.note("x", busy());
    expect(waitOf("y")).toBe(2_000);
  });

  it("is five minutes from the first loop that Entra sees", () => {
    waits.note("Ada", new HostedAgentIdentityError("token_exchange_failed", "Loop.", { category: "loop" }));
    expect(waitOf("Bob")).toBe(300_000);
    expect(events).toContainEqual({ type: "back_off", scope: "app", forMs: 300_000 });
  });
});
