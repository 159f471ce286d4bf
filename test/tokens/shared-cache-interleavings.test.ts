import fc from "fast-check";
import { expect, it } from "vitest";
import {
  clientSecret,
  entraApp,
  onBehalfOf,
  protectedResource,
  userAccess,
  type UserAccess,
  type UserContext,
} from "hosted-agent-identity";
import { decodeClaims } from "../../src/entra/token-claims.js";
import { agentApp, contextFor, mcpApp, tenant } from "../support/people.js";
import { scriptedTokenStore, type ScriptedTokenStore } from "../support/shared-token-stores.js";
import { goodBody } from "../support/token-endpoint.js";

const resource = protectedResource({
  url: "https://mcp.example.com/mcp",
  serverLabel: "contacts",
  scopes: [`api://${mcpApp}/access_as_user`],
  audiences: [mcpApp],
});
const oids = [1, 2, 3].map((n) => `dddddddd-0000-4000-8000-00000000000${n}`);

/** What can happen to three people, each with two user tokens, at two replicas with one store. */
const happening = fc.record({
  what: fc.constantFrom(
    ...(["token", "token", "token", "token", "refused", "forget", "swap", "copy back"] as const),
    ...(["store down", "store up", "store loses all", "start again", "start again", "time"] as const),
  ),
  who: fc.integer({ min: 0, max: 5 }),
  whose: fc.integer({ min: 0, max: 50 }),
  where: fc.integer({ min: 0, max: 1 }),
});
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

class Run {
  readonly store: ScriptedTokenStore = scriptedTokenStore();
  readonly replicas: UserAccess[];
  readonly contexts: readonly UserContext[] = [0, 1, 2, 3, 4, 5].map((n) =>
    contextFor({ oid: oids[n % 3], uti: String(n), exp: 4_000_000_000 }),
  );
  /** Which user token each token was exchanged for. */
  readonly issued = new Map<string, number>();
  /** When a replica was told that a token was refused. */
  readonly refused = new Map<UserAccess, Map<string, number>>();
  /** What was wrong with tokens that were given. */
  readonly faults: string[] = [];
  given = 0;
  readonly old: [string, unknown][] = [];
  readonly scheduler: fc.Scheduler;
  moment = 0;
  time = Date.now();
  shared = 0;
  down = false;

  constructor(scheduler: fc.Scheduler) {
    this.scheduler = scheduler;
    this.store.before(async (call, name) => {
      await scheduler.schedule(Promise.resolve(), call);
      if (this.down) throw new Error("down");
      if (call === "set") this.old.push([name, this.store.values.get(name)]);
    });
    this.replicas = [this.start(), this.start()];
  }

  start(): UserAccess {
    const app = entraApp({
      tenantId: tenant,
      clientId: agentApp,
      credential: clientSecret("not-a-real-secret"),
      now: () => this.time,
      fetch: async (_, init) => {
        const form = new URLSearchParams(String(init?.body));
        await this.scheduler.schedule(Promise.resolve(), "POST");
        const body = goodBody(form);
        const claims = decodeClaims(form.get("assertion") ?? "");
        this.issued.set(String(body["access_token"]), Number(claims?.["uti"]));
        return Response.json(body);
      },
    });
    const access = userAccess(resource, [onBehalfOf(app)], {
      now: () => this.time,
      onEvent: (event) =>
        void (this.shared += event.type === "token_acquired" && event.shared === true ? 1 : 0),
      // Longer than a run: what hangs here is decided by the scheduler.
      sharedCache: { store: this.store, encryptionKeys: [new Uint8Array(32).fill(7)], timeoutMs: 60_000 },
    });
    this.refused.set(access, new Map());
    return access;
  }

  async happens({ what, who, whose, where }: Happening): Promise<void> {
    const context = this.contexts[who] as UserContext;
    const access = this.replicas[where] as UserAccess;
    const { values } = this.store;
    const names = [...values.keys()];
    if (what === "token") return this.asks(access, who);
    if (what === "refused") {
      const { token } = await access.token(context);
      access.forget(context, token);
      this.refused.get(access)?.set(token, (this.moment += 1));
    }
    if (what === "forget") access.forget(context);
    if (what === "swap" && names.length > 0) {
      const [one, two] = [names[who % names.length] ?? "", names[whose % names.length] ?? ""];
      const kept = values.get(one);
      values.set(one, values.get(two)).set(two, kept);
    }
    if (what === "copy back" && this.old.length > 0) {
      const [name, value] = this.old[whose % this.old.length] ?? [""];
      values.set(name, value);
    }
    if (what === "store down") this.down = true;
    if (what === "store up") [this.down, this.time] = [false, this.time + 30_000];
    if (what === "store loses all") values.clear();
    if (what === "time") this.time += 1_200_000;
    if (what === "start again") this.replicas[where] = this.start();
  }

  async asks(access: UserAccess, who: number): Promise<void> {
    const asked = (this.moment += 1);
    const { token } = await access.token(this.contexts[who]);
    if (decodeClaims(token)?.oid !== oids[who % 3]) this.faults.push("another person's");
    if (this.issued.get(token) !== who) this.faults.push("of another user token");
    if ((this.refused.get(access)?.get(token) ?? asked) < asked) this.faults.push("refused before");
    this.given += 1;
  }
}

/** What happens at once, and then the next. What nobody waits for, a write for example, may stay under way. */
const rounds = fc.array(fc.array(happening, { minLength: 1, maxLength: 4 }), { minLength: 3, maxLength: 10 });

it("a token reaches only whom it was exchanged for, whatever happens to the store", async () => {
  const totals = { given: 0, shared: 0 };
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), rounds, async (scheduler, list) => {
      const run = new Run(scheduler);
      for (const round of list) await scheduler.waitFor(Promise.all(round.map((one) => run.happens(one))));
      expect(run.faults).toEqual([]);
      totals.given += run.given;
      totals.shared += run.shared;
    }),
    { numRuns: 200 },
  );
  // A run in which nothing is shared would prove nothing.
  expect(totals.given).toBeGreaterThan(200);
  expect(totals.shared).toBeGreaterThan(10);
});
