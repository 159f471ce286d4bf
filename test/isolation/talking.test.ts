import { expect, test, vi } from "vitest";
import { seeded } from "../../src/testing/isolation/random.js";
import { measureTalk } from "./talking.js";

const seed = Number(process.env["ISOLATION_SEED"] ?? 20_261_130);
// The long run is `npm run test:isolation:nightly`.
const calls = 600;
// A run takes 5 seconds on two idle cores; a busy machine may take its time.
vi.setConfig({ testTimeout: 150_000 });

test("a server that asks and notifies on the stream of a pooled client reaches its own people and conversations only", async () => {
  const measured = await measureTalk({ calls, random: seeded(seed) });
  // Nothing reached the wrong one, and no question was left without an answer.
  expect(measured).toMatchObject({ calls, wrong: [], failed: [] });
  expect(measured.answered + measured.declined).toBe(measured.asked);
  // The run was as hard as it is meant to be: questions were answered and declined, and notifications came.
  expect(measured.answered).toBeGreaterThan(calls / 20);
  expect(measured.declined).toBeGreaterThan(0);
  expect(measured.notified + measured.notifiedInTurn).toBeGreaterThan(0);
});
