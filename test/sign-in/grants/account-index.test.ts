import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isHostedAgentIdentityError } from "hosted-agent-identity";
import { pinning, removePin } from "../../../src/sign-in/grants/pin.js";
import type { SignInContext } from "../../../src/sign-in/sign-in-context.js";
import { accountIndex, maxIndexBytes } from "../../../src/sign-in/grants/account-index.js";
import { longRunning } from "../../../src/sign-in/long-running/long-running.js";
import { contextOf } from "../support/contexts.js";
import { platformUser, replica, type Replica } from "../support/replica.js";
import { scriptedStore, type ScriptedStore } from "../support/scripted-store.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

let world: SignInWorld;
let store: ScriptedStore;
let agent: Replica;
let time = Date.now();
const now = (): number => time;
const hour = 3_600_000;

beforeAll(async () => {
  world = await signInWorld({ now });
  world.entra.grantConsent({ user: "Ada", client: "agent", resource: "contacts", scopes: ["contacts.read"] });
});
afterAll(() => world.entra.close());
beforeEach(() => {
  time = Math.max(time, Date.now());
  store = scriptedStore();
  agent = replica(world, store, { now });
});

const account = (): { tid: string; oid: string } => {
  const { tenantId, oid } = world.entra.user("Ada");
  return { tid: tenantId, oid };
};

async function codeOf(step: Promise<unknown>): Promise<string> {
  const error = await step.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  return isHostedAgentIdentityError(error) ? error.code : String(error);
}

describe("a chat that holds somebody's account", () => {
  const chat = platformUser("attacker");

  it.each([
    ["that goes on", 20 * hour, 201],
    ["that has ended", 1_000, 1],
  ])(
    "is found and ended, however much work of the person %s",
    async (_what, ms, found) => {
      await agent.connect(chat, "Ada");
      const work = longRunning(agent.core, agent.grants);
      const context = await contextOf(world, "Ada");
      for (let n = 0; n < 200; n += 1) {
        await work.start(context, { purpose: "report", until: new Date(time + ms) });
        // A person has a budget for equal exchanges: one in ten seconds, in the long run.
        time += 11_000;
      }
      const owners = await agent.grants.principalsOf(account());
      expect(owners).toHaveLength(found);
      expect(owners).toContain(chat);
      await agent.grants.removeAccount(account());
      expect(await agent.tokenOf(chat)).toBeUndefined();
      expect(await agent.grants.principalsOf(account())).toEqual([]);
    },
    60_000,
  );
});

describe("a full index", () => {
  /** Few enough to be quick: each name is as long as a caller can make it. */
  const longName = (n: number): string => platformUser(`${n}`.padEnd(maxIndexBytes / 16, "x"));
  const live = new Set<string>();
  const indexOf = (core: SignInContext = agent.core) =>
    accountIndex(core, core.store, async (owner) => live.has(owner));
  const settle = (): void => void (time += 11 * 60_000);

  beforeEach(() => live.clear());

  /** Adds until there is no room for another. */
  async function fill(isLive: (n: number) => boolean): Promise<number> {
    for (let n = 0; n < 20; n += 1) {
      if (isLive(n)) live.add(longName(n));
      const code = await codeOf(indexOf().add(account(), longName(n)));
      if (code === "quota_reached") return n;
      expect(code).toBe("undefined");
    }
    return expect.fail("the index has no bound");
  }

  it("holds 256 KiB, refuses one more with a code, and keeps every one that lives", async () => {
    const room = await fill(() => true);
    expect(room).toBe(15);
    settle();
    expect(await codeOf(indexOf().add(account(), longName(99)))).toBe("quota_reached");
    expect(await indexOf().list(account())).toEqual(Array.from({ length: room }, (_, n) => longName(n)));
    // One that is there already takes no room, and a short one may still fit.
    await indexOf().add(account(), longName(3));
    await indexOf().remove(account(), longName(4));
    await indexOf().add(account(), longName(99));
    expect(await indexOf().list(account())).toContain(longName(99));
  });

  it("drops the dead first, and only them", async () => {
    const room = await fill((n) => n !== 2 && n !== 5);
    settle();
    await indexOf().add(account(), longName(room));
    const owners = await indexOf().list(account());
    expect(owners).not.toContain(longName(2));
    for (const owner of live) expect(owners).toContain(owner);
  });

  it("keeps a chat that has signed out as long as it keeps to the account", async () => {
    const room = await fill((n) => n !== 2);
    settle();
    await pinning(agent.core, longName(2), account()).pin();
    expect(await codeOf(indexOf().add(account(), longName(room)))).toBe("quota_reached");
    await removePin(agent.core, longName(2));
    await pinning(agent.core, longName(2), { ...account(), oid: "somebody else's" }).pin();
    expect(await codeOf(indexOf().add(account(), longName(room)))).toBe("undefined");
    expect(await indexOf().list(account())).not.toContain(longName(2));
  });

  it("keeps one that is signing in at this moment, and has no grant yet", async () => {
    const room = await fill((n) => n !== 2);
    expect(await codeOf(indexOf().add(account(), longName(room)))).toBe("quota_reached");
    settle();
    // It signs in again while the dead are being looked for.
    const index = accountIndex(agent.core, agent.core.store, async (owner) => {
      if (owner !== longName(2)) return live.has(owner);
      await indexOf().add(account(), owner);
      return false;
    });
    expect(await codeOf(index.add(account(), longName(room)))).toBe("quota_reached");
    expect(await indexOf().list(account())).toContain(longName(2));
  });

  it("stores no grant that it could not find again", async () => {
    await fill(() => true);
    // Grants of the replica's own index are all live here.
    for (const owner of live) await codeOf(agent.connect(owner, "Ada"));
    const chat = longName(77);
    expect(await codeOf(agent.connect(chat, "Ada"))).toBe("quota_reached");
    expect(await agent.grants.find(chat)).toBeUndefined();
  });
});

it("works that have ended leave no room taken: an index is as small as what lives", async () => {
  const index = accountIndex(agent.core, agent.core.store, async () => true);
  const size = (): number =>
    [...store.values].filter(([name]) => name.startsWith("index:")).map(([, value]) => value.length)[0] ?? 0;
  await index.add(account(), "first", time + 1_000);
  const one = size();
  for (let n = 0; n < 50; n += 1) {
    await index.add(account(), `work ${n}`, time + 1_000);
    time += 2_000;
  }
  expect(size()).toBeLessThan(one * 1.2);
  expect(await index.list(account())).toEqual([]);
});
