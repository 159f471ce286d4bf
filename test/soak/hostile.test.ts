import { expect, it } from "vitest";
import { hostileSoak } from "../../bench/soak/hostile.js";

/** Bytes that the heap may grow with each attack; the noise of a small run. A message that is kept weighs 70 000. */
const noise = 10_000;
/** What one hostile user and everybody else together may have in the store. Without bounds it was 33 MB. */
const mostStored = 1_000_000;

it("a hostile server and a hostile chat user fill neither heap nor store, and stop nobody", async () => {
  const { attacks, bytesPerAttack, storeBytes, asked, served } = await hostileSoak({ perRound: 8 });
  expect(attacks).toBeGreaterThan(400);
  expect(served).toBe(asked);
  expect(storeBytes).toBeLessThan(mostStored);
  expect(bytesPerAttack).toBeLessThan(noise);
}, 120_000);
