import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { vi } from "vitest";
import { memoryStore, type SignInStore } from "hosted-agent-identity/sign-in";
import { decodeClaims } from "../../../src/entra/token-claims.js";
import type { SignedIn } from "../../../src/exchange/authorization-code-exchange.js";
import type { Arrived } from "../../../src/sign-in/sign-in-internals.js";
import { wrappedStore } from "../../../src/sign-in/stores/wrapped-store.js";
import { masterKey, platformUser } from "../support/replica.js";
import type { SignInWorld } from "../support/signing-in.js";
import { endAt, startAgent, type Agent } from "./agent.js";
import { beginLife, faults, faultsAtServer, type Fault, type Life } from "./faults.js";
import { Person, type Chat, type Deed } from "./person.js";
import { accessTokenMs, rotatingServer, type RotatingServer } from "./rotating-server.js";

/** Who, and what came back when they signed in at Entra. */
export type People = Readonly<Record<string, SignedIn>>;

const where = fc.integer({ min: 0, max: 2 });

/** What a person does at one of three processes, and what goes wrong there. */
const deeds = fc.record({
  deed: fc.oneof(
    { weight: 8, arbitrary: fc.constant<Deed | "time" | "sign out">("go on") },
    {
      weight: 6,
      arbitrary: fc.constantFrom<Deed | "time" | "sign out">(
        ...(["ask", "ask", "say no", "cancel", "guess", "drop a character"] as const),
        ...(["change a character", "type two codes", "sign out", "time", "time"] as const),
      ),
    },
  ),
  where,
  fault: faults,
});
type Happening = typeof deeds extends fc.Arbitrary<infer T> ? T : never;

/** What somebody else does for or to one of the three people: a tool that runs at the same time, an administrator. */
const othersDeeds = fc.record({
  deed: fc.constantFrom(
    ...(["use", "use", "revoke", "revoke", "require a sign-in", "erase", "sign out", "list"] as const),
  ),
  whom: where,
  /** At which of the person's deeds. */
  after: fc.integer({ min: 0, max: 7 }),
  where,
  fault: faults,
});
const uses = fc.record({
  deed: fc.constant("use" as const),
  whom: where,
  after: fc.integer({ min: 0, max: 7 }),
  where,
  fault: faultsAtServer,
});
type OthersHappening = typeof othersDeeds extends fc.Arbitrary<infer T> ? T : never;

/** What happens at the same time, and how long nothing happens afterwards. */
interface Round {
  readonly people: readonly (readonly Happening[])[];
  readonly others: readonly OthersHappening[];
  /** In milliseconds. After the longest time every access token has expired. */
  readonly restMs: number;
}

/** Three people who do all kinds of things. */
export const rounds: fc.Arbitrary<Round[]> = fc.array(
  fc.record({
    people: fc.tuple(...[0, 1, 2].map(() => fc.array(deeds, { minLength: 2, maxLength: 8 }))),
    others: fc.array(othersDeeds, { maxLength: 2 }),
    restMs: fc.constantFrom(0, 61_000, accessTokenMs, accessTokenMs),
  }),
  { minLength: 1, maxLength: 4 },
);

/** Three people whose access tokens have expired, each time, at processes that end while they refresh them. */
export const refreshes: fc.Arbitrary<Round[]> = fc.array(
  fc.record({
    people: fc.tuple(
      ...[0, 1, 2].map(() =>
        fc.array(
          fc.record({ deed: fc.constant("ask" as const), where, fault: fc.oneof(faultsAtServer, faults) }),
          {
            minLength: 1,
            maxLength: 3,
          },
        ),
      ),
    ),
    others: fc.array(fc.oneof({ weight: 5, arbitrary: uses }, { weight: 1, arbitrary: othersDeeds }), {
      minLength: 3,
      maxLength: 6,
    }),
    restMs: fc.constant(accessTokenMs),
  }),
  { minLength: 2, maxLength: 4 },
);

interface Process extends Agent, Chat {
  readonly life: Life;
}

/** Three people, three processes and an administrator, with one store. */
export class Run {
  readonly people: readonly Person[];
  readonly wrong: string[] = [];
  readonly server: RotatingServer | undefined;
  readonly #since: number = now();
  given = 0;
  deaths = 0;
  readonly #store: SignInStore;
  readonly #processes: Process[];
  readonly #world: SignInWorld;
  readonly #signIns: People;
  readonly #random: (bytes: number) => Uint8Array;
  #scheduler: fc.Scheduler | undefined;
  /** Requests to Entra that are under way: real ones, which the time of the run does not wait for by itself. */
  #onWire = 0;

  constructor(
    world: SignInWorld,
    signIns: People,
    options: { rotates: boolean; scheduler: fc.Scheduler; seed: number },
  ) {
    this.#random = seededRandom(options.seed);
    [this.#world, this.#signIns, this.#scheduler] = [world, signIns, options.scheduler];
    this.server = options.rotates ? rotatingServer() : undefined;
    this.#store = memoryStore({ quiet: true, now });
    this.people = Object.entries(signIns).map(
      ([user, { account }]) => new Person({ user, oid: account.oid }, { now, random: this.#random }),
    );
    this.#processes = [0, 1, 2].map(() => this.#start());
  }

  /** Everybody has signed in before. */
  async signInAll(): Promise<void> {
    const [agent] = this.#processes as [Process];
    const { url, scopes } = this.#world.contacts;
    const all = this.people.map(async (person) => {
      const { account, refreshToken } = this.#arrived(person);
      await agent.grants.keep(platformUser(person.user), { account, refreshToken, resources: [url], scopes });
    });
    await this.#until(Promise.all(all));
  }

  async play({ people, others, restMs }: Round): Promise<void> {
    const all = this.people.map(async (person, who) => {
      const deeds = people[who] ?? [];
      const alongside: Promise<void>[] = [];
      for (const [count, one] of deeds.entries()) {
        const begun = others.filter(({ whom, after }) => whom === who && after % deeds.length === count);
        alongside.push(...begun.map((other) => this.#administer(other)));
        await this.#happen(person, one);
      }
      await Promise.all(alongside);
    });
    await this.#until(Promise.all(all));
    await this.#pass(restMs);
  }

  /** Nothing fails any more. Whoever waits for something is served, and then everybody asks once more. */
  async repair(): Promise<void> {
    // What goes on in the background has its turn as well.
    await this.#scheduler?.waitIdle();
    this.#scheduler = undefined;
    await this.#pass(61_000);
    for (const person of this.people) {
      person.log.push("repaired");
      person.failures = 0;
      for (let tries = 0; tries < 14 && !person.isIdle; tries += 1) await this.#goOn(person, tries);
      if (!person.isIdle) this.wrong.push(`${person.user} is not served`);
    }
    await this.#pass(2 * accessTokenMs);
    for (const person of this.people) await this.#askOnce(person);
    for (const person of this.people)
      if (person.failures > 0)
        this.wrong.push(`${person.user} got ${person.failures} errors after the repair`);
    for (const { oid, isExcused } of this.server?.lost ?? [])
      if (!isExcused) this.wrong.push(`a grant of ${oid} was lost, and nobody had died`);
    // What goes on in the background ends with the run.
    vi.clearAllTimers();
  }

  get log(): string {
    return JSON.stringify(
      this.people.map(({ log }) => log),
      undefined,
      1,
    );
  }

  /** Every access token has expired: the person is served at once with a grant that lives, and else after one card. */
  async #askOnce(person: Person): Promise<void> {
    const [agent] = this.#processes as [Process];
    const grant = await agent.grants.find(platformUser(person.user));
    if (grant !== undefined && grant.account.oid !== person.oid)
      this.wrong.push(`${person.user} has a grant of ${grant.account.oid}`);
    const isGood = grant !== undefined && (this.server?.isGood(grant.refreshToken) ?? true);
    person.log.push(
      isGood ? "has a grant" : grant === undefined ? "has no grant" : "has a grant that is lost",
    );
    person.cards = 0;
    await this.#goOn(person, 0);
    for (let tries = 1; tries < 8 && !person.isIdle; tries += 1) await this.#goOn(person, tries);
    if (!person.isIdle || this.#lastGiven.get(person.user) !== person.lastQuestion)
      this.wrong.push(`${person.user} is not served in the end`);
    if (person.cards !== (isGood ? 0 : 1)) this.wrong.push(`${person.user} got ${person.cards} cards`);
  }

  readonly #lastGiven = new Map<string, string>();
  readonly #lastAsked = new Map<string, string>();

  #goOn(person: Person, tries: number): Promise<void> {
    return this.#until(this.#happen(person, { deed: "go on", where: tries % 3, fault: undefined }));
  }

  async #happen(person: Person, { deed, where: at, fault }: Happening): Promise<void> {
    person.log.push(`${deed} at ${at}${saying(fault)} after ${now() - this.#since} ms`);
    if (deed === "sign out") return this.#end(person, deed, { at, fault });
    if (deed === "time") return void vi.advanceTimersByTime(61_000);
    await this.#at(at, fault, (process) => person.act(process, deed, () => this.#arrived(person)), person);
  }

  async #administer({ deed, whom, where: at, fault }: OthersHappening): Promise<void> {
    const person = this.people[whom];
    if (person === undefined) return;
    person.log.push(`somebody does this: ${deed}, at ${at}${saying(fault)}`);
    await this.#end(person, deed, { at, fault });
  }

  /** Ends what the person is connected with, or only looks. */
  async #end(
    person: Person,
    deed: OthersHappening["deed"],
    { at, fault }: { readonly at: number; readonly fault: Fault | undefined },
  ): Promise<void> {
    let hasEnded = false;
    const work = this.#at(
      at,
      fault,
      async (process) => {
        hasEnded = await endAt(process, person.context, deed).catch(() => false);
      },
      person,
    );
    if (deed === "list" || deed === "use") return work;
    await person.ending(work.then(() => hasEnded));
  }

  /** Something that happens at a process, which may die of it. */
  async #at(
    at: number,
    fault: Fault | undefined,
    work: (process: Process) => Promise<void>,
    { log }: Person,
  ): Promise<void> {
    const process = this.#processes[at] ?? this.#start();
    const disarm = process.life.arm(fault);
    await Promise.race([work(process), process.life.died]);
    disarm();
    if (!process.life.isDead()) return;
    log.push("died");
    if (this.#processes[at] !== process) return;
    this.deaths += 1;
    this.#processes[at] = this.#start();
  }

  #start(): Process {
    const life = beginLife(async (name) => {
      await this.#scheduler?.schedule(Promise.resolve(), name);
    });
    const toModel = this.#toModel.bind(this);
    const agent = startAgent({
      world: this.#world,
      store: wrappedStore(this.#store, life.around("store")),
      key: masterKey,
      now,
      random: this.#random,
      issuer: this.server?.issuer(life, now),
      fetch: async (...request) => {
        this.#onWire += 1;
        try {
          return await fetch(...request);
        } finally {
          this.#onWire -= 1;
        }
      },
      async toModel(user, text) {
        // What a process does after its end, nobody sees.
        if (life.isDead()) await new Promise(() => undefined);
        toModel(user, text);
      },
      given: (user, token) => this.#given(user, token),
    });
    return { ...agent, life, isDead: () => life.isDead() };
  }

  #toModel(user: string, text: string): void {
    const person = this.people.find((one) => one.user === user);
    this.#lastAsked.set(user, text);
    if (person?.mayReachModel(text) === true) return;
    const { as } = person?.again ?? { as: "something" };
    this.wrong.push(`the model got ${as} of ${user}`);
  }

  #given(user: string, token: string): void {
    this.given += 1;
    const person = this.people.find((one) => one.user === user);
    const oid = this.server === undefined ? decodeClaims(token)?.oid : this.server.oidOf(token);
    this.#lastGiven.set(user, this.#lastAsked.get(user) ?? "");
    if (person?.isEnded === true) this.wrong.push(`${user} was given a token after the end`);
    if (oid !== person?.oid) this.wrong.push(`${user} was given the token of ${String(oid)}`);
  }

  /** What comes back from a sign-in. */
  #arrived({ user, oid }: Person): Arrived {
    const known = this.#signIns[user];
    if (known === undefined) throw new Error("There is no such person.");
    const time = now();
    const times = { expiresAt: time + accessTokenMs, refreshAt: time + 0.8 * accessTokenMs };
    return { ...known, ...times, ...this.server?.grant(oid) };
  }

  async #pass(ms: number): Promise<void> {
    // A request of the background that is under way would time out at once.
    for (let turns = 0; turns < 20 || this.#onWire > 0; turns += 1) await turn();
    vi.advanceTimersByTime(ms);
    await this.#until(turn());
  }

  /** Lets one thing happen after the other. When nothing is left to happen, the time goes on. */
  async #until(work: Promise<unknown>): Promise<void> {
    let isDone = false;
    const done = work.finally(() => (isDone = true));
    done.catch(() => undefined);
    for (;;) {
      for (let turns = 0; turns < 3; turns += 1) await turn();
      if (isDone) return void (await done);
      if (this.#scheduler !== undefined && this.#scheduler.count() > 0) await this.#scheduler.waitNext(1);
      else if (this.#onWire > 0) continue;
      else if (vi.getTimerCount() > 0) vi.advanceTimersToNextTimer();
      else throw new Error("Nothing goes on.");
    }
  }
}

/** A clock of the run: it stands beside no steady one, so that ages are what it passes. */
function now(): number {
  return Date.now();
}

/** Random bytes that are the same in each replay: waits are made of them. */
function seededRandom(seed: number): (bytes: number) => Uint8Array {
  let state = seed;
  return (bytes) =>
    Uint8Array.from({ length: bytes }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      return state >>> 24;
    });
}

function saying(fault: Fault | undefined): string {
  return fault === undefined ? "" : `, ${fault.how} ${fault.when} call ${fault.call} of the ${fault.at}`;
}
