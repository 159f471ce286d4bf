import fc from "fast-check";
import type { AroundStep } from "../../../src/sign-in/stores/wrapped-store.js";

/** What goes wrong in one call of a process, and on which side of what the call does. */
export interface Fault {
  readonly how: "fails" | "dies" | "stands still";
  readonly when: "before" | "after";
  /** A call of the store, or the use of a refresh token. */
  readonly at: "store" | "server";
  /** How many such calls go well first. */
  readonly call: number;
}

/** In the use of a refresh token, or in what the process does about the answer. */
export const faultsAtServer: fc.Arbitrary<Fault> = fc.record({
  how: fc.constantFrom("fails", "dies", "dies", "stands still"),
  when: fc.constantFrom("before", "after"),
  at: fc.constant("server"),
  call: fc.constant(0),
});

export const faults: fc.Arbitrary<Fault | undefined> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  {
    weight: 5,
    arbitrary: fc.record({
      how: fc.constantFrom("fails", "dies", "dies", "stands still"),
      when: fc.constantFrom("before", "after"),
      at: fc.constant("store"),
      call: fc.integer({ min: 0, max: 24 }),
    }),
  },
  { weight: 2, arbitrary: faultsAtServer },
);

/** For how long a process stands still: longer than a claim lives and is respected, in milliseconds. */
const stillMs = 60_000;

/** The life of one process: whether it has ended, and how often it stood still. */
export interface Life {
  /** When it dies, and never before. */
  readonly died: Promise<"died">;
  isDead(): boolean;
  standstills(): number;
  /** What goes wrong next, beside what is going to already. Returns what takes that back. */
  arm(fault: Fault | undefined): () => void;
  /** A call, with what goes wrong in it. Of a process that has ended, no call is made, and none returns. */
  around(at: Fault["at"]): AroundStep;
}

/** `step`: waits for the turn of a call. */
export function beginLife(step: (name: string) => Promise<void>): Life {
  let die: () => void = () => undefined;
  const died = new Promise<"died">((resolve) => (die = () => resolve("died")));
  let isDead = false;
  let standstills = 0;
  let still: Promise<void> | undefined;
  const armed = new Set<{ fault: Fault; callsLeft: number }>();

  const end = (): Promise<never> => {
    isDead = true;
    die();
    return new Promise<never>(() => undefined);
  };
  const standStill = (): Promise<void> => {
    standstills += 1;
    still = new Promise<void>((resolve) => setTimeout(resolve, stillMs));
    return still;
  };
  const faultAt = (at: Fault["at"]): Fault | undefined => {
    const due = [...armed].filter((one) => one.fault.at === at && one.callsLeft-- <= 0)[0];
    if (due === undefined) return undefined;
    armed.delete(due);
    const { fault } = due;
    if (at === "store" || fault.how !== "fails" || fault.when === "before") return fault;
    // An answer that goes astray costs a grant as well, and no process could help that: here it cannot be written.
    due.fault = { ...fault, when: "before", at: "store" };
    due.callsLeft = 0;
    armed.add(due);
    return undefined;
  };
  const suffer = async ({ how }: Fault): Promise<void> => {
    if (how === "dies") await end();
    if (how === "fails") throw new Error("down");
    await standStill();
  };

  return {
    died,
    isDead: () => isDead,
    standstills: () => standstills,
    arm(fault) {
      if (fault === undefined) return () => undefined;
      const one = { fault, callsLeft: fault.call };
      armed.add(one);
      return () => void armed.delete(one);
    },
    around: (at) => async (name, act) => {
      await step(name.split(":")[0] ?? "");
      await still;
      if (isDead) return end();
      const fault = faultAt(at);
      if (fault?.when === "before") await suffer(fault);
      if (isDead) return end();
      const done = await act(name);
      if (fault?.when === "after") await suffer(fault);
      await still;
      return isDead ? end() : done;
    },
  };
}
