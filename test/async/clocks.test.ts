import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  clocksOf,
  endAt,
  isPast,
  nextReading,
  systemClock,
  type AgeReading,
  type Clocks,
} from "../../src/async/clocks.js";

const hour = 3_600_000;
const day = 24 * hour;

describe("what has passed between two readings of both clocks", () => {
  const first: AgeReading = { age: 0, steady: 0, ahead: 1_000 };
  const passed = (wall: number, steady: number): number => nextReading(first, 1_000 + wall, steady).age;

  it.each([
    ["what both say", 5_000, 5_000, 5_000],
    ["what the wall clock says, where the steady one stood still", 3 * hour, 0, 3 * hour],
    ["what the steady clock says, where the wall clock lags by less than its own grain", 4_001, 5_000, 5_000],
    ["the day that the wall clock was put forth", day + 5_000, 5_000, day + 5_000],
    [
      "the day that the wall clock was put back, and what the steady one says: nothing is younger",
      -day,
      5_000,
      day + 10_000,
    ],
  ])("is %s", (_what, wall, steady, age) => {
    expect(passed(wall, steady)).toBe(age);
  });

  it("is never counted twice, however often the clocks are read", () => {
    let last = first;
    for (let n = 1; n <= 10_000; n += 1) last = nextReading(last, 1_000 + Math.floor(n * 0.3), n * 0.3);
    expect(last.age).toBeCloseTo(3_000, 0);
  });
});

describe("the clocks of a factory", () => {
  let clocks: Clocks;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date", "performance"], now: Date.UTC(2026, 10, 29) });
    clocks = clocksOf(systemClock);
  });
  afterEach(() => void vi.useRealTimers());

  const agedBy = (change: () => void): number => {
    const before = clocks.age();
    change();
    return Math.round(clocks.age() - before);
  };

  it("let ages pass with the process's steady clock, whatever the wall clock does", () => {
    expect(agedBy(() => vi.advanceTimersByTime(5_000))).toBe(5_000);
    expect(agedBy(() => vi.setSystemTime(Date.now() + day))).toBe(day);
    expect(agedBy(() => vi.setSystemTime(Date.now() - day))).toBe(day);
    expect(agedBy(() => vi.setSystemTime(Date.now() + 3 * hour))).toBe(3 * hour);
    expect(agedBy(() => vi.advanceTimersByTime(1))).toBe(1);
  });

  it("hold a date against both: it is over when either says so", () => {
    const end = (): (() => boolean) => {
      const made = endAt(clocks, Date.now() + hour);
      return () => isPast(clocks, made);
    };
    const steady = end();
    vi.setSystemTime(Date.now() - 60_000);
    vi.advanceTimersByTime(hour - 1);
    expect(steady()).toBe(true);
    const suspended = end();
    vi.setSystemTime(Date.now() + hour);
    expect(suspended()).toBe(true);
    const whole = end();
    vi.advanceTimersByTime(hour - 1);
    expect(whole()).toBe(false);
  });

  it("are one clock where the developer gave one: ages pass as it does, and by every step it takes back", () => {
    let now = 0;
    const own = clocksOf(() => now);
    vi.advanceTimersByTime(day);
    expect(own.age()).toBe(0);
    now += 5;
    expect(own.age()).toBe(5);
    now -= day;
    expect(own.age()).toBe(day + 5);
  });
});
