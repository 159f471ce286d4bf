import { expect, it } from "vitest";
import type { UserContext } from "hosted-agent-identity";
import { slope } from "../../bench/soak/heap.js";
import { soak } from "../../bench/soak/soak.js";

/** A small run weighs less exactly than `npm run soak`; a context that is kept weighs more than three of these. */
const noise = 1_000;
const size = { users: 1_200, entries: 100 };
/** What is kept is kept each time. What else comes and goes in a process of tests does not come three times. */
const most = 3;

it("half an hour's people leave nothing behind: no memory, no timer, no listener", async () => {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < most && least >= noise; run += 1) {
    const { bytesPerUser, left, exchanges, calls } = await soak(size);
    expect(calls).toBeGreaterThan(3 * size.users);
    expect(exchanges).toBeGreaterThan(size.users * 0.9);
    expect(left).toEqual({
      timers: 0,
      resources: 0,
      processListeners: 0,
      abortListeners: 0,
      warnings: [],
    });
    least = Math.min(least, bytesPerUser);
  }
  expect(least).toBeLessThan(noise);
}, 60_000);

it("the soak sees who keeps a context, a timer or a listener for each turn", async () => {
  const kept: UserContext[] = [];
  const timers: NodeJS.Timeout[] = [];
  const listener = (): void => undefined;
  try {
    const { bytesPerUser, left } = await soak({
      ...size,
      onTurn(context, signal) {
        kept.push(context);
        if (kept.length > 12) return;
        timers.push(setTimeout(listener, 60_000).unref());
        process.on("SIGUSR2", () => listener());
        signal.addEventListener("abort", () => listener());
      },
    });
    expect(bytesPerUser).toBeGreaterThan(2 * noise);
    expect(left.timers).toBe(12);
    expect(left.processListeners).toBe(12);
    expect(left.abortListeners).toBe(12);
    expect(left.warnings).toEqual(["MaxListenersExceededWarning"]);
  } finally {
    process.removeAllListeners("SIGUSR2");
    timers.forEach((timer) => clearTimeout(timer));
  }
}, 60_000);

it("the slope of the heap is what comes with each minute", () => {
  expect(slope([5, 5, 5])).toBe(0);
  expect(slope([1, 3, 5, 7])).toBe(2);
});
