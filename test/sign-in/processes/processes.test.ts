import { createHash, randomBytes } from "node:crypto";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redisStore, type SignInStore } from "hosted-agent-identity/sign-in";
import { newCode } from "../../../src/sign-in/binding/code.js";
import { startRedis, type RedisServer } from "../../support/redis-server.js";
import { platformContext } from "../support/contexts.js";
import { codeOf, person, titleOf } from "../support/person.js";
import { platformUser, replica, type Replica } from "../support/replica.js";
import { signInSite, type Site } from "../support/site.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";
import { startAgent, type AgentProcess } from "./agents.js";
import type { AgentAnswer, AgentTask } from "./messages.js";

let redis: RedisServer;
let store: SignInStore;
let world: SignInWorld;
/** Serves the pages, from the process of the test. */
let site: Site;
/** Looks into the store. */
let here: Replica;
let agents: AgentProcess[] = [];

beforeAll(async () => {
  redis = await startRedis(["--maxmemory-policy", "noeviction"]);
  store = redisStore(createClient({ url: redis.url }));
  await store.start?.();
  world = await signInWorld();
  site = await signInSite(world, { store });
  here = replica(world, store, { agent: "Contacts agent", keys: [site.key] });
  const start = {
    tenantId: world.entra.tenants[0]?.id ?? "",
    clientId: world.entra.app("agent").clientId,
    cloud: world.entra.cloud,
    publicUrl: site.publicUrl,
    resources: [world.contacts, world.mail],
    redisUrl: redis.url,
    key: Buffer.from(site.key).toString("base64"),
  };
  agents = await Promise.all([startAgent(start), startAgent(start)]);
}, 60_000);

afterAll(async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
  await site?.close();
  await store?.close?.();
  await world?.entra.close();
  await redis?.remove();
});

/** Asks both processes in the same instant. */
const both = (task: (process: number) => AgentTask): Promise<AgentAnswer[]> =>
  Promise.all(agents.map((agent, process) => agent.ask(task(process))));

const times = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);

const oidOf = (name: string): string => world.entra.user(name).oid;

/** Signs in as somebody for a platform user, and returns the code of the page. */
async function codeFor(user: string, name: string): Promise<string> {
  const { link } = await site.signIn.link(platformContext(user), world.contacts);
  const page = await person(world.entra, name).signIn(link);
  if (codeOf(page) === "") throw new Error(`No code on the page: ${titleOf(page)}`);
  return codeOf(page);
}

describe("guessing", () => {
  it("gives 200 wrong codes at once, over two processes, five tries together, and then refuses the right one", async () => {
    const user = "guessed";
    const right = await codeFor(user, "Ada");
    const wrong = Array.from({ length: 200 }, () => newCode(randomBytes)).map((code) =>
      code === right ? "AAA-AAA-2AA" : code,
    );
    const answers = await both((process) => ({
      do: "redeem",
      user,
      conversation: "chat",
      texts: wrong.slice(process * 100, process * 100 + 100),
    }));
    const results = answers.flatMap((answer) => answer.results);
    const tried = results.filter(({ status }) => status === "wrong_code").map(({ triesLeft }) => triesLeft);
    expect(tried.toSorted()).toEqual([0, 1, 2, 3, 4]);
    const others = results.filter(({ status }) => status !== "wrong_code");
    expect(others).toHaveLength(195);
    expect(new Set(others.map(({ status, reason }) => `${status} ${reason}`))).toEqual(
      new Set(["refused too_many_tries"]),
    );

    for (const agent of agents) {
      const { results: late } = await agent.ask({ do: "redeem", user, conversation: "chat", texts: [right] });
      expect(late).toEqual([{ status: "refused", reason: "too_many_tries" }]);
    }
    expect(await here.grants.find(platformUser(user))).toBeUndefined();
  });
});

describe("two accounts for one chat user", () => {
  it("at once, in two processes: one is pinned, and the other one is refused from then on", async () => {
    for (let round = 0; round < 8; round += 1) {
      const user = `two accounts ${round}`;
      const names = ["Ada", "Bob"] as const;
      const codes = [await codeFor(user, "Ada"), await codeFor(user, "Bob")];
      const say = (texts: readonly string[]) =>
        both((process) => ({
          do: "redeem",
          user,
          // A yes counts in the conversation that named the account.
          conversation: `chat ${process}`,
          texts: [texts[process] ?? ""],
        }));
      const named = await say(codes);
      expect(named.map(({ results }) => results[0]?.status)).toEqual(["confirm", "confirm"]);
      const bound = (await say(["yes", "yes"])).map(({ results }) => results[0]);
      const winner = bound.findIndex((result) => result?.status === "bound");
      expect(bound[winner]).toEqual({ status: "bound" });
      expect(bound[1 - winner]).toEqual({ status: "refused", reason: "other_account" });

      const oid = oidOf(names[winner] ?? "");
      const used = await both(() => ({
        do: "token",
        user,
        resource: world.contacts.url,
        callers: 3,
        ahead: 0,
      }));
      expect(used.flatMap(({ results }) => results)).toEqual(times(6, { status: oid }));

      // The pin alone keeps the other account out, also when there is no grant any more.
      await here.grants.remove(platformUser(user));
      const { link } = await site.signIn.link(platformContext(user), world.contacts);
      const loser = await person(world.entra, names[1 - winner] ?? "").signIn(link);
      expect(codeOf(loser)).toBe("");
      expect(codeOf(await person(world.entra, names[winner] ?? "").signIn(link))).not.toBe("");
    }
  }, 60_000);
});

describe("two processes that refresh one grant at once", () => {
  const hour = 3_600_000;
  const digest = (token = ""): string => createHash("sha256").update(token).digest("base64url");
  const stored = async (user: string): Promise<string> =>
    digest((await here.grants.find(platformUser(user)))?.refreshToken);
  const tokens = (user: string, ahead: number, resources = [world.contacts, world.contacts]) =>
    both((process) => ({
      do: "token",
      user,
      resource: resources[process]?.url ?? "",
      callers: 20,
      ahead,
    }));

  beforeAll(() => void world.entra.policies.add({ type: "slow", delayMs: 400, grant: "refresh_token" }));
  afterAll(() => world.entra.policies.clear());

  it("make one request each, and keep a refresh token that was just issued, round after round", async () => {
    const user = "refreshed";
    await here.connect(platformUser(user), "Ada");
    for (let round = 1; round <= 4; round += 1) {
      const before = await stored(user);
      const requests = world.refreshes();
      // Every access token of the round before has expired.
      const answers = await tokens(user, round * 2 * hour);
      expect(answers.flatMap(({ results }) => results)).toEqual(times(40, { status: oidOf("Ada") }));
      expect(world.refreshes() - requests).toBe(2);
      expect(answers.map(({ sent }) => sent)).toEqual([[before], [before]]);
      const issued = answers.flatMap(({ received }) => received);
      expect(new Set([before, ...issued])).toHaveLength(3);
      expect(issued).toContain(await stored(user));
    }
  }, 60_000);

  it("for different resources: neither loses what the other one got", async () => {
    for (let round = 0; round < 3; round += 1) {
      const user = `two resources ${round}`;
      for (const resource of [world.contacts, world.mail])
        await here.connect(platformUser(user), "Ada", [resource]);
      const requests = world.refreshes();
      const answers = await tokens(user, 0, [world.contacts, world.mail]);
      expect(answers.flatMap(({ results }) => results)).toEqual(times(40, { status: oidOf("Ada") }));
      expect(world.refreshes() - requests).toBe(2);
      expect(answers.flatMap(({ received }) => received)).toContain(await stored(user));

      // Each now has the token that the other process got.
      const crossed = await tokens(user, 0, [world.mail, world.contacts]);
      expect(crossed.flatMap(({ results }) => results)).toEqual(times(40, { status: oidOf("Ada") }));
      expect(world.refreshes() - requests).toBe(2);
      // And both can still refresh.
      const later = await tokens(user, 2 * hour, [world.contacts, world.mail]);
      expect(later.flatMap(({ results }) => results)).toEqual(times(40, { status: oidOf("Ada") }));
      expect(world.refreshes() - requests).toBe(4);
    }
  }, 60_000);
});
