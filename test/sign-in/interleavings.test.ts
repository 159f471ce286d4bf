import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  type FetchLike,
  isConsentRequiredError,
  isHostedAgentIdentityError,
  userAccess,
  type UserAccess,
  type UserContext,
} from "hosted-agent-identity";
import { createSignIn, type SignIn } from "hosted-agent-identity/sign-in";
import { decodeClaims } from "../../src/entra/token-claims.js";
import type { SignedIn } from "../../src/exchange/authorization-code-exchange.js";
import { phrasesWith } from "../../src/sign-in/binding/answer.js";
import { bindOrWait } from "../../src/sign-in/flow/callback.js";
import { lookOf } from "../../src/sign-in/pages/layout.js";
import { languagesOf } from "../../src/sign-in/texts/languages.js";
import { linkKeys } from "../../src/sign-in/link/agents.js";
import { openTicket } from "../../src/sign-in/link/ticket.js";
import { guardedStore } from "../../src/sign-in/stores/guarded-store.js";
import type { SignInInternals } from "../../src/sign-in/sign-in-internals.js";
import { contextWith, platformContext } from "./support/contexts.js";
import { masterKey, replica } from "./support/replica.js";
import { scriptedStore, type ScriptedStore } from "./support/scripted-store.js";
import { signInWorld, type SignInWorld } from "./support/signing-in.js";
import { swappingNetwork } from "./support/swapping-network.js";

const people = ["Ada", "Bob", "Cleo"] as const;
const newKey = new Uint8Array(32).fill(9);
let world: SignInWorld;
let time: number;
let signIns: Record<string, SignedIn>;
let tokens: Record<string, string>;

beforeAll(async () => {
  time = Date.now();
  world = await signInWorld({ now: () => time, accessTokenLifetimeS: 600 });
  const { app } = replica(world, scriptedStore(), { now: () => time });
  const each = async <T>(make: (user: string) => Promise<T>): Promise<Record<string, T>> =>
    Object.fromEntries(await Promise.all(people.map(async (user) => [user, await make(user)] as const)));
  signIns = await each((user) => world.signIn(app, user));
  tokens = await each((user) => world.entra.issueUserToken({ user, app: "agent" }));
});
afterAll(() => world.entra.close());

/**
 * What can happen. `who` does it, in one of two processes; whose chat or link it is depends on `whose`. A person
 * types codes and answers into their own chat only: what a disclosed code can do is another test.
 */
const happening = fc.record({
  what: fc.constantFrom(
    ...(["token", "token", "token", "complete a link", "complete a link", "type the code"] as const),
    ...(["type the code", "yes", "yes", "no", "guess", "sign out", "unpin", "forget account"] as const),
    ...(["revoke", "swap", "time", "new keys", "store down", "store up", "store loses all"] as const),
  ),
  who: fc.integer({ min: 0, max: 2 }),
  whose: fc.integer({ min: 0, max: 5 }),
  known: fc.boolean(),
  where: fc.integer({ min: 0, max: 1 }),
});
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

interface Process {
  readonly signIn: SignIn;
  readonly service: SignInInternals;
  readonly contacts: UserAccess;
}

class Run {
  readonly store: ScriptedStore = scriptedStore();
  processes: readonly Process[] = [];
  down = false;
  /** Whose calls got whose token. */
  readonly given: string[] = [];
  readonly outcomes: string[] = [];
  /** The last code that each person has seen. */
  readonly codes = new Map<string, string>();
  readonly network: ReturnType<typeof swappingNetwork> = swappingNetwork();

  constructor(scheduler: fc.Scheduler) {
    this.start([masterKey]);
    this.store.before(async (step) => {
      await scheduler.schedule(Promise.resolve(), step);
      if (this.down) throw new Error("down");
    });
  }

  start(encryptionKeys: readonly Uint8Array[]): void {
    const now = (): number => time;
    const app = world.app({ now, fetch: this.network.fetch as FetchLike });
    const one = (): Process => {
      const { core, grants } = replica(world, guardedStore(this.store), { now, keys: encryptionKeys, app });
      const { publicUrl, agent: agentName } = core;
      const resources = [world.contacts, world.mail];
      const signIn = createSignIn({
        app,
        publicUrl,
        agentName,
        resources,
        store: this.store,
        encryptionKeys,
        now,
      });
      const service: SignInInternals = {
        core,
        linkKeys: linkKeys({ agentName, resources, encryptionKeys }),
        look: lookOf(world.entra.origin),
        languages: languagesOf(),
        coreOf: () => core,
        grantsOf: () => grants,
        answers: phrasesWith(),
        onPending: undefined,
        onSignedIn: undefined,
      };
      return { signIn, service, contacts: userAccess(world.contacts, [signIn.tokens()], { now }) };
    };
    this.processes = [one(), one()];
  }

  async happen({ what, who, whose, known, where }: Happening): Promise<void> {
    const user = people[who] ?? "Ada";
    const { signIn, service, contacts } = this.processes[where] as Process;
    const contextOf = (name: string): UserContext =>
      known ? contextWith(tokens[name] ?? "") : platformContext(`chat of ${name}`);
    const { principal } = contextOf(user);
    if (principal === undefined) throw new Error("no principal");
    const say = async (text: string): Promise<void> => {
      const { status } = await signIn.redeem(platformContext(`chat of ${user}`), text);
      this.outcomes.push(status);
    };
    switch (what) {
      case "token": {
        const { token } = await contacts.token(contextOf(user));
        return void this.given.push(`${user} ${decodeClaims(token)?.oid}`);
      }
      case "complete a link": {
        // Half of them are one's own; the others were forwarded.
        const owner = people[whose] ?? user;
        const { link } = await signIn.link(contextOf(owner), world.contacts);
        const opened = openTicket(service.core, service.linkKeys, new URL(link).searchParams.get("t") ?? "");
        if (opened.status === "bad") throw new Error("the link is bad");
        // Time may have gone on by more than a link lives before it was looked at.
        if (opened.status === "expired") return void this.outcomes.push("link expired");
        const outcome = await bindOrWait(service, opened.ticket, undefined, {
          arrived: signIns[user] as SignedIn,
          generation: undefined,
        });
        if (outcome.kind === "code" && outcome.code !== undefined) this.codes.set(user, outcome.code);
        return void this.outcomes.push(outcome.kind);
      }
      case "type the code":
        return say(this.codes.get(user) ?? "nothing yet");
      case "guess":
        return say(`A${1 + (whose % 6)}B-CDE-FGH`.replace("1", "7"));
      case "yes":
      case "no":
        return say(what);
      case "sign out":
        return signIn.signOut(principal);
      case "unpin":
        return signIn.unpin(principal);
      case "forget account":
        return signIn.forgetAccount((signIns[user] as SignedIn).account);
      case "revoke":
        return void world.entra.policies.add({ type: "revoked", user, grant: "refresh_token", times: 1 });
      case "swap":
        return this.network.swapNext();
      case "time":
        return void (time += 40_000 + whose * 90_000);
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

/** Everybody has signed in, in the chat and with a token, before anything else happens. */
const beginnings: readonly Happening[][] = (
  [
    ["complete a link", false],
    ["type the code", false],
    ["yes", false],
    ["complete a link", true],
  ] as const
).map(([what, known]) => people.map((_, who) => ({ what, who, whose: 3, known, where: 0 })));

it("whatever happens at once between link, code, yes and token, nobody is given another person's token", async () => {
  let given = 0;
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.boolean(),
      fc.array(fc.array(happening, { minLength: 2, maxLength: 8 }), { minLength: 2, maxLength: 10 }),
      async (scheduler, signedIn, rounds) => {
        world.entra.policies.clear();
        const run = new Run(scheduler);
        for (const round of [...(signedIn ? beginnings : []), ...rounds]) {
          const outcomes = Promise.allSettled(round.map((one) => run.happen(one)));
          await scheduler.waitFor(outcomes);
          for (const outcome of await outcomes) {
            if (outcome.status !== "rejected" || isConsentRequiredError(outcome.reason)) continue;
            if (!isHostedAgentIdentityError(outcome.reason)) throw outcome.reason;
            seen.add(outcome.reason.code);
          }
        }
        given += run.given.length;
        for (const outcome of run.outcomes) seen.add(outcome);
        for (const one of run.given) {
          const [user = "", oid] = one.split(" ");
          expect(oid).toBe(world.entra.user(user).oid);
        }
      },
    ),
    { numRuns: 300, interruptAfterTimeLimit: 40_000 },
  );
  // A run in which nothing was given, or everything went well, would prove nothing.
  expect(given).toBeGreaterThan(50);
  expect([...seen]).toEqual(
    expect.arrayContaining([
      ...["code", "signed_in", "wrong_account", "pinned_account"],
      ...["confirm", "bound", "refused", "wrong_code", "not_a_code", "store_unavailable"],
    ]),
  );
}, 120_000);
