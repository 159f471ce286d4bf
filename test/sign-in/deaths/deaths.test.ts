import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { memoryStore } from "hosted-agent-identity/sign-in";
import { replica } from "../support/replica.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";
import { refreshes, rounds, Run, type People } from "./run.js";

/** How many runs: a few in the suite, and as many as this says elsewhere. */
const usual = 10;
const runs = Number(process.env["SIGN_IN_RUNS"] ?? usual);
/** What a failure has printed. */
const { SIGN_IN_SEED: seed, SIGN_IN_PATH: path } = process.env;
/** The suite plays the same runs each time; more runs are new ones. */
const own = runs > usual ? undefined : { seed: 1 };
const replayed = seed === undefined || path === undefined ? own : { seed: Number(seed), path };
const users = ["Ada", "Bob", "Cleo"] as const;
let world: SignInWorld;
let people: People;

beforeAll(async () => {
  world = await signInWorld({ now: () => Date.now(), accessTokenLifetimeS: 600 });
  const { app } = replica(world, memoryStore({ quiet: true }));
  const signedIn = users.map(async (user) => [user, await world.signIn(app, user)] as const);
  people = Object.fromEntries(await Promise.all(signedIn));
});
afterAll(() => world.entra.close());

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
});
afterEach(() => void vi.useRealTimers());

interface Seen {
  given: number;
  deaths: number;
  lost: number;
}

/** Plays until something is wrong, and says how to play that again. */
async function play(
  played: typeof rounds,
  { rotates, signsIn }: { readonly rotates: boolean; readonly signsIn: fc.Arbitrary<boolean> },
): Promise<Seen> {
  const seen: Seen = { given: 0, deaths: 0, lost: 0 };
  const property = fc.asyncProperty(
    fc.scheduler(),
    fc.integer(),
    signsIn,
    played,
    async (scheduler, random, isSignedIn, all) => {
      const run = new Run(world, people, { rotates, scheduler, seed: random });
      if (isSignedIn) await run.signInAll();
      for (const round of all) await run.play(round);
      await run.repair();
      if (run.wrong.length > 0) throw new Error(`${run.wrong.join("\n")}\n${run.log}`);
      seen.given += run.given;
      seen.deaths += run.deaths;
      seen.lost += run.server?.lost.length ?? 0;
    },
  );
  const result = await fc.check(property, { numRuns: runs, endOnFailure: true, ...replayed });
  if (result.failed)
    throw new Error(
      `To play this again: SIGN_IN_SEED=${result.seed} SIGN_IN_PATH=${result.counterexamplePath}, and the name of this test`,
      { cause: result.errorInstance },
    );
  return seen;
}

const timeoutMs = runs > usual ? 3_600_000 : 90_000;

it.each([
  ["at Entra, which leaves a used refresh token valid", false],
  ["at a server that ends a grant whose refresh token is used twice", true],
])(
  "%s: whatever fails and whoever dies, no answer reaches the model, no token another person, and in the end all are served",
  async (_, rotates) => {
    const { given, deaths } = await play(rounds, { rotates, signsIn: fc.boolean() });
    // Runs in which nobody was served, or nobody died, would prove nothing.
    expect(given).toBeGreaterThan(0);
    expect(deaths).toBeGreaterThan(0);
  },
  timeoutMs,
);

it(
  "a grant is lost only where its holder died, or stood still, between the server's answer and the store, and costs one card",
  async () => {
    const { lost } = await play(refreshes, { rotates: true, signsIn: fc.constant(true) });
    expect(lost).toBeGreaterThan(0);
  },
  timeoutMs,
);
