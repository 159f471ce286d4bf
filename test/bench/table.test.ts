import { describe, expect, it } from "vitest";
import { interleaved, median, medians, shuffled, slice, timesMore } from "../../bench/statistics.js";
import { exitCode, isShort, misses, ratio, table, type Row } from "../../bench/table.js";

const met: Row = { what: "cached token", unit: "ms", budget: 0.005, ours: 0.002, msalNode: 0.1 };
const missed: Row = { ...met, what: "slow token", ours: 0.006 };

describe("the verdict", () => {
  it("is good up to the budget itself", () => {
    expect(misses(met)).toBe(false);
    expect(misses({ ...met, ours: met.budget })).toBe(false);
    expect(misses({ ...met, budget: 0, ours: 0 })).toBe(false);
  });

  it("is missed above the budget, and where nothing could be measured", () => {
    expect(misses(missed)).toBe(true);
    expect(misses({ ...met, ours: Number.NaN })).toBe(true);
  });

  it("names the goal of a row that keeps its budget and is short of what is aimed at", () => {
    const short: Row = { ...met, goal: 0.001 };
    expect(isShort(short)).toBe(true);
    expect(table([short])).toMatch(/goal 0\.001$/m);
    expect(isShort({ ...met, goal: met.ours })).toBe(false);
    expect(isShort({ ...missed, goal: 0.001 })).toBe(false);
  });

  it("makes the process exit with 1 when one budget of many is missed, or nothing was measured", () => {
    expect(exitCode([met, met])).toBe(0);
    expect(exitCode([met, missed, met])).toBe(1);
    expect(exitCode([])).toBe(1);
  });
});

describe("the table", () => {
  it("says for every row what it costs here and the peers, how many times more that is, and the verdict", () => {
    const lines = table([
      met,
      { ...missed, azureIdentity: 0.06, note: "one credential for each user." },
    ]).split("\n");
    expect(lines[0]).toMatch(/^ +unit +budget +ours +msal-node +@azure\/identity +verdict$/);
    expect(lines[2]).toMatch(/^cached token +ms +<= 0\.005 +0\.00200 +0\.100 \(50x\) +- +ok$/);
    expect(lines[3]).toMatch(
      /^slow token +ms +<= 0\.005 +0\.00600 +0\.100 \(17x\) +0\.0600 \(10x\) +MISSED$/,
    );
    expect(lines.at(-1)).toBe("  slow token: one credential for each user.");
  });

  it("gives no ratio to nothing", () => {
    expect(ratio(50, 0)).toBeUndefined();
    expect(ratio(undefined, 1)).toBeUndefined();
  });
});

describe("the statistics", () => {
  it("take the middle value, of an even number the lower one", () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2);
    expect(median([])).toBeNaN();
  });

  it("measure every subject once a round, so that noise meets all of them", async () => {
    const order: string[] = [];
    const subject = (name: string) => async (round: number) => {
      order.push(`${name}${round}`);
      return round;
    };
    const result = await interleaved(3, { a: subject("a"), b: subject("b") });
    expect(order).toEqual(["a0", "b0", "a1", "b1", "a2", "b2"]);
    expect(result).toEqual({ a: [0, 1, 2], b: [0, 1, 2] });
    expect(medians(result)).toEqual({ a: 1, b: 1 });
  });

  it("compare within a round, where the machine was as busy for the one as for the other", () => {
    expect(timesMore([2, 40, 6], [1, 20, 3])).toBe(2);
    expect(timesMore([2], [])).toBeNaN();
  });

  it("shuffle alike in every run, and lose nobody", () => {
    const items = Array.from({ length: 100 }, (_, index) => index);
    expect(shuffled(items)).toEqual(shuffled(items));
    expect(shuffled(items)).not.toEqual(items);
    expect(shuffled(items).toSorted((a, b) => a - b)).toEqual(items);
  });

  it("take the next items each round, and begin again at the end", () => {
    expect(slice(["a", "b", "c"], 2, 0)).toEqual(["a", "b"]);
    expect(slice(["a", "b", "c"], 2, 1)).toEqual(["c", "a"]);
    expect(slice(["a"], 3, 5)).toEqual(["a", "a", "a"]);
  });
});
