import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { isHostedAgentIdentityError } from "hosted-agent-identity";
import type { SignedIn } from "../../../src/exchange/authorization-code-exchange.js";
import { masterKey, platformUser, replica, type Replica } from "../support/replica.js";
import { scriptedStore, type ScriptedStore } from "../support/scripted-store.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";
import { swappingNetwork } from "../support/swapping-network.js";

const people = ["Ada", "Bob", "Cleo"] as const;
const newKey = new Uint8Array(32).fill(9);
let world: SignInWorld;
let time: number;
let signIns: Record<string, SignedIn>;

beforeAll(async () => {
  time = Date.now();
  world = await signInWorld({ now: () => time, accessTokenLifetimeS: 600 });
  const { app } = replica(world, scriptedStore(), { now: () => time });
  const signedIn = await Promise.all(
    people.map(async (user) => [user, await world.signIn(app, user)] as const),
  );
  signIns = Object.fromEntries(signedIn);
});
afterAll(() => world.entra.close());

/** What can happen, to which person, in which of two processes; several of them at once. */
const happening = fc.record({
  what: fc.constantFrom(
    ...(["token", "token", "token", "token", "sign in", "sign out", "refuse", "forget account"] as const),
    ...([
      "revoke",
      "swap",
      "swap",
      "time",
      "time",
      "new keys",
      "store down",
      "store up",
      "store loses all",
    ] as const),
  ),
  who: fc.integer({ min: 0, max: 2 }),
  where: fc.integer({ min: 0, max: 1 }),
});

class Run {
  readonly store: ScriptedStore = scriptedStore();
  replicas: readonly Replica[] = [];
  down = false;
  readonly given: string[] = [];
  readonly network: ReturnType<typeof swappingNetwork> = swappingNetwork();

  constructor(scheduler: fc.Scheduler) {
    this.start([masterKey]);
    // Every step of the store waits for its turn, which fast-check decides.
    this.store.before(async (step) => {
      await scheduler.schedule(Promise.resolve(), step);
      if (this.down) throw new Error("down");
    });
  }

  start(keys: readonly Uint8Array[]): void {
    const now = (): number => time;
    const app = world.app({ now, fetch: this.network.fetch });
    const one = (): Replica => replica(world, this.store, { now, keys, app });
    this.replicas = [one(), one()];
  }

  async happen({ what, who, where }: { what: string; who: number; where: number }): Promise<void> {
    const user = people[who] ?? "Ada";
    const principal = platformUser(user);
    const { grants, tokenOf } = this.replicas[where] as Replica;
    const { account, refreshToken } = signIns[user] as SignedIn;
    const { url, scopes } = world.contacts;
    switch (what) {
      case "token": {
        const oid = await tokenOf(principal);
        if (oid !== undefined) this.given.push(`${user} ${oid}`);
        return;
      }
      case "sign in":
        return void (await grants.keep(principal, { account, refreshToken, resources: [url], scopes }));
      case "sign out":
        return grants.remove(principal);
      case "forget account":
        return grants.removeAccount(account);
      case "refuse":
        return grants.forget(principal);
      case "revoke":
        return void world.entra.policies.add({ type: "revoked", user, grant: "refresh_token", times: 1 });
      case "swap":
        return this.network.swapNext();
      case "time":
        return void (time += 500_000);
      case "new keys":
        return this.start([newKey, masterKey]);
      case "store down":
        return void (this.down = true);
      case "store up":
        return void (this.down = false);
      case "store loses all":
        return this.store.values.clear();
    }
  }
}

it("whatever happens at once in two processes, nobody is given another person's token", async () => {
  let given = 0;
  const codes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.array(happening, { minLength: 2, maxLength: 8 }), { minLength: 2, maxLength: 10 }),
      async (scheduler, rounds) => {
        world.entra.policies.clear();
        const run = new Run(scheduler);
        for (const round of [people.map((_, who) => ({ what: "sign in", who, where: 0 })), ...rounds]) {
          const outcomes = Promise.allSettled(round.map((one) => run.happen(one)));
          await scheduler.waitFor(outcomes);
          for (const outcome of await outcomes) {
            if (outcome.status !== "rejected") continue;
            if (!isHostedAgentIdentityError(outcome.reason)) throw outcome.reason;
            codes.add(outcome.reason.code);
          }
        }
        given += run.given.length;
        for (const one of run.given) {
          const [user = "", oid] = one.split(" ");
          expect(oid).toBe(world.entra.user(user).oid);
        }
      },
    ),
    { numRuns: 250, interruptAfterTimeLimit: 15_000 },
  );
  // A run in which nothing was given would prove nothing.
  expect(given).toBeGreaterThan(50);
  expect([...codes]).toEqual(expect.arrayContaining(["store_unavailable", "wrong_user"]));
});
