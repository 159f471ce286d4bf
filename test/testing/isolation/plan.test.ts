import { expect, test } from "vitest";
import { planned, troubles } from "../../../src/testing/isolation/plan.js";
import { seeded } from "../../../src/testing/isolation/random.js";

const seeds = Array.from({ length: 50 }, (_, n) => n);

test("the same seed plans the same, another one something else", () => {
  expect(planned(seeded(7), 5, 8, true)).toEqual(planned(seeded(7), 5, 8, true));
  expect(planned(seeded(7), 5, 8, true)).not.toEqual(planned(seeded(8), 5, 8, true));
});

test("everything happens at the default size, whatever the seed", () => {
  for (const plan of seeds.map((seed) => planned(seeded(seed), 5, 8, true))) {
    const turns = plan.flat();
    expect(plan.map((own) => own.length)).toEqual([8, 8, 8, 8, 8]);
    expect(new Set(turns.flatMap(({ trouble }) => trouble ?? []))).toEqual(new Set(troubles));
    expect(turns.filter(({ trouble }) => trouble === "Entra throttling")).toHaveLength(1);
    expect(turns.map(({ thread }) => thread)).toEqual(
      expect.arrayContaining(["new", "own", "other", "stranger"]),
    );
    // A shared conversation has at least two people in it.
    expect(plan.filter((own) => own.some(({ thread }) => thread === "shared")).length).toBeGreaterThan(1);
    expect(turns.some(({ leaveAfterMs }) => leaveAfterMs !== undefined)).toBe(true);
  }
});

test("whoever leaves comes back to what they had last", () => {
  for (const own of seeds.flatMap((seed) => planned(seeded(seed), 5, 8, true))) {
    const back = own.filter((_, n) => own[n - 1]?.leaveAfterMs !== undefined);
    expect(back.filter(({ thread }) => thread !== "own")).toEqual([]);
  }
});

test("nothing goes wrong and nobody leaves at the first question", () => {
  for (const [first] of seeds.flatMap((seed) => planned(seeded(seed), 3, 2, true))) {
    expect(first).toMatchObject({ thread: "new", pauseMs: 0 });
    expect(first?.trouble).toBeUndefined();
    expect(first?.leaveAfterMs).toBeUndefined();
  }
});

test("people keep to themselves where conversations are meant to be read by all", () => {
  const threads = seeds.flatMap((seed) => planned(seeded(seed), 5, 8, false)).flat();
  expect(new Set(threads.map(({ thread }) => thread))).toEqual(new Set(["new", "own"]));
});
