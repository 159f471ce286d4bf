import { setImmediate as tick } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createGate, type Gate } from "../../../src/testing/isolation/gate.js";
import { seeded } from "../../../src/testing/isolation/random.js";

const never = new AbortController().signal;
const names = ["a", "b", "c", "d", "e"];

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

/** Lets calls in by name and notes in which order they come out. */
function callsAt(gate: Gate): { passed: string[]; call(name: string, gone?: AbortSignal): void } {
  const passed: string[] = [];
  return { passed, call: (name, gone = never) => void gate.pass(gone).then(() => passed.push(name)) };
}

test("calls pass at once where nothing is checked, and when the check is over", async () => {
  const gate = createGate();
  const { passed, call } = callsAt(gate);
  call("before");
  await tick();
  const letOn = gate.hold({ random: seeded(1), crowd: () => 9 });
  call("meanwhile");
  await tick();
  expect(passed).toEqual(["before"]);
  letOn();
  call("after");
  await tick();
  expect(passed.toSorted()).toEqual(["after", "before", "meanwhile"]);
});

test("all who are there are let on together, in an order of the seed's", async () => {
  vi.useRealTimers();
  const orders = [];
  for (const seed of [1, 2, 3, 1]) {
    const gate = createGate();
    const { passed, call } = callsAt(gate);
    gate.hold({ random: seeded(seed), crowd: () => names.length });
    for (const name of names.slice(0, 4)) call(name);
    await tick();
    expect(passed).toEqual([]);
    call("e");
    await vi.waitFor(() => expect(passed.toSorted()).toEqual(names));
    orders.push(passed.join(""));
  }
  expect(new Set(orders).size).toBe(3);
  expect(orders[3]).toBe(orders[0]);
  expect(orders).not.toContain("abcde");
});

test("nobody waits for long for people who do not come", async () => {
  const gate = createGate();
  const { passed, call } = callsAt(gate);
  gate.hold({ random: seeded(1), crowd: () => 5 });
  call("a");
  await vi.advanceTimersByTimeAsync(39);
  expect(passed).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(passed).toEqual(["a"]);
});

test("nobody waits who has gone", async () => {
  const gate = createGate();
  const { passed, call } = callsAt(gate);
  gate.hold({ random: seeded(1), crowd: () => 5 });
  const gone = new AbortController();
  call("a", gone.signal);
  gone.abort();
  call("b", gone.signal);
  await tick();
  expect(passed).toEqual(["a", "b"]);
});
