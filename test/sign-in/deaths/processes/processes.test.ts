import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { memoryStore } from "hosted-agent-identity/sign-in";
import type { SignedIn } from "../../../../src/exchange/authorization-code-exchange.js";
import { startRedis, type RedisServer } from "../../../support/redis-server.js";
import { replica } from "../../support/replica.js";
import { signInWorld, type SignInWorld } from "../../support/signing-in.js";
import { Person, type Deed } from "../person.js";
import { startAgentProcess, type AgentProcess } from "./agents.js";
import type { Blow, Report } from "./messages.js";

/** How many runs: a few in the suite, and as many as this says elsewhere. */
const usual = 2;
const runs = Number(process.env["SIGN_IN_RUNS"] ?? usual);
const { SIGN_IN_SEED: seed, SIGN_IN_PATH: path } = process.env;
/** The suite plays the same runs each time; more runs are new ones. */
const own = runs > usual ? undefined : { seed: 1 };
const replayed = seed === undefined || path === undefined ? own : { seed: Number(seed), path };
const users = ["Ada", "Bob", "Cleo"] as const;
let world: SignInWorld;
let redis: RedisServer;
let signIns: Readonly<Record<string, SignedIn>>;

beforeAll(async () => {
  world = await signInWorld();
  redis = await startRedis(["--maxmemory-policy", "noeviction"]);
  const { app } = replica(world, memoryStore({ quiet: true }));
  const signedIn = users.map(async (user) => [user, await world.signIn(app, user)] as const);
  signIns = Object.fromEntries(await Promise.all(signedIn));
}, 60_000);
afterAll(async () => {
  await world?.entra.close();
  await redis?.remove();
});

const happening = fc.record({
  deed: fc.oneof(
    { weight: 5, arbitrary: fc.constant<Deed | "revoke" | "sign out">("go on") },
    {
      weight: 2,
      arbitrary: fc.constantFrom<Deed | "revoke" | "sign out">(
        ...(["ask", "say no", "cancel", "guess", "drop a character"] as const),
        ...(["change a character", "type two codes", "revoke", "sign out"] as const),
      ),
    },
  ),
  where: fc.integer({ min: 0, max: 2 }),
  blow: fc.option(
    fc.record<Blow>({
      signal: fc.constantFrom("SIGKILL", "SIGSTOP"),
      when: fc.constantFrom("before", "after"),
      call: fc.integer({ min: 0, max: 18 }),
    }),
  ),
});
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

/** Three people and three processes. */
class Run {
  readonly people: readonly Person[];
  readonly wrong: string[] = [];
  given = 0;
  deaths = 0;
  readonly #key = randomBytes(32).toString("base64");
  #processes: AgentProcess[] = [];

  constructor() {
    const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));
    this.people = users.map(
      (user) => new Person({ user, oid: world.entra.user(user).oid }, { now: Date.now, random }),
    );
  }

  async start(): Promise<void> {
    this.#processes = await Promise.all([0, 1, 2].map(() => this.#startOne()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((one) => one.stop()));
  }

  async happen(person: Person, { deed, where, blow }: Happening): Promise<void> {
    const process = this.#processes[where] as AgentProcess;
    const dealt = blow ?? undefined;
    person.log.push(`${deed} at ${where}${dealt === undefined ? "" : `, ${JSON.stringify(dealt)}`}`);
    const { user } = person;
    const ends = (what: "revoke" | "sign out"): Promise<void> =>
      person.ending(Promise.race([process.end(user, what, dealt), process.died.then(() => false)]));
    const known = signIns[user];
    if (known === undefined) throw new Error("There is no such person.");
    const work =
      deed === "revoke" || deed === "sign out"
        ? ends(deed)
        : person.act(process.chat(user, dealt), deed, () => known);
    await Promise.race([work, process.died]);
    if (!process.isDead()) return;
    person.log.push("died");
    if (this.#processes[where] !== process) return;
    this.deaths += 1;
    this.#processes[where] = await this.#startOne();
  }

  /** Nothing fails any more: everybody is served in the end. */
  async repair(): Promise<void> {
    for (const person of this.people) {
      person.log.push("repaired");
      [person.failures, person.cards] = [0, 0];
      const goOn = (tries: number): Promise<void> =>
        this.happen(person, { deed: "go on", where: tries % 3, blow: null });
      for (let tries = 0; tries < 14 && !person.isIdle; tries += 1) await goOn(tries);
      person.cards = 0;
      await goOn(0);
      for (let tries = 1; tries < 8 && !person.isIdle; tries += 1) await goOn(tries);
      if (!person.isIdle) this.wrong.push(`${person.user} is not served`);
      if (person.cards > 1) this.wrong.push(`${person.user} got ${person.cards} cards`);
      if (person.failures > 0) this.wrong.push(`${person.user} got errors after the repair`);
    }
  }

  #startOne(): Promise<AgentProcess> {
    return startAgentProcess(
      {
        tenantId: world.entra.tenants[0]?.id ?? "",
        clientId: world.entra.app("agent").clientId,
        cloud: world.entra.cloud,
        resource: world.contacts,
        redisUrl: redis.url,
        key: this.#key,
      },
      (report) => this.#hear(report),
    );
  }

  #hear(report: Exclude<Report, { id: number }>): void {
    const person = this.people.find(({ user }) => user === report.user);
    if ("given" in report) {
      this.given += 1;
      if (report.given !== person?.oid) this.wrong.push(`${report.user} was given another's token`);
    } else if (person?.mayReachModel(report.toModel) !== true)
      this.wrong.push(`the model got ${person?.again?.as ?? "something"} of ${report.user}`);
  }
}

it(
  "whichever of three real processes is killed or stopped, no answer reaches the model, no token another person, and in the end all are served",
  async () => {
    const seen = { given: 0, deaths: 0 };
    const property = fc.asyncProperty(
      fc.tuple(...users.map(() => fc.array(happening, { minLength: 4, maxLength: 7 }))),
      async (deeds) => {
        const run = new Run();
        await run.start();
        try {
          await Promise.all(
            run.people.map(async (person, who) => {
              for (const one of deeds[who] ?? []) await run.happen(person, one);
            }),
          );
          await run.repair();
        } finally {
          await run.stop();
        }
        const log = JSON.stringify(
          run.people.map((person) => person.log),
          undefined,
          1,
        );
        if (run.wrong.length > 0) throw new Error(`${run.wrong.join("\n")}\n${log}`);
        seen.given += run.given;
        seen.deaths += run.deaths;
      },
    );
    const result = await fc.check(property, { numRuns: runs, endOnFailure: true, ...replayed });
    if (result.failed)
      throw new Error(
        `To play this again: SIGN_IN_SEED=${result.seed} SIGN_IN_PATH=${result.counterexamplePath}`,
        {
          cause: result.errorInstance,
        },
      );
    expect(seen.given).toBeGreaterThan(0);
    expect(seen.deaths).toBeGreaterThan(0);
  },
  runs > usual ? 3_600_000 : 120_000,
);
