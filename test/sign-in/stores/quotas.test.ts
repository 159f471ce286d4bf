import { randomBytes } from "node:crypto";
import { createClient } from "redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isHostedAgentIdentityError, type UserContext } from "hosted-agent-identity";
import { memoryStore, redisStore, type SignIn, type SignInStore } from "hosted-agent-identity/sign-in";
import { startRedis, type RedisServer } from "../../support/redis-server.js";
import { contextOf, platformContext } from "../support/contexts.js";
import { codeOf, person, titleOf } from "../support/person.js";
import { signInSite, type Site } from "../support/site.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

let world: SignInWorld;
let redis: RedisServer;
let prefixes = 0;
beforeAll(async () => {
  world = await signInWorld();
  world.entra.grantConsent({ user: "Ada", client: "agent", resource: "contacts", scopes: ["contacts.read"] });
  redis = await startRedis();
}, 60_000);
afterAll(async () => {
  await redis?.remove();
  await world?.entra.close();
});

/** What is in a store at this moment, by kind. */
interface Metered extends SignInStore {
  readonly live: Map<string, number>;
}

function metered(inner: SignInStore): Metered {
  const live = new Map<string, number>();
  const note = (key: string, value: string, wrote: boolean): boolean => {
    if (wrote) live.set(key, value.length);
    return wrote;
  };
  return {
    ...inner,
    live,
    start: async () => inner.start?.(),
    close: async () => inner.close?.(),
    get: (key) => inner.get(key),
    increment: (key, ttl) => inner.increment(key, ttl),
    setIfAbsent: async (key, value, ttl) => note(key, value, await inner.setIfAbsent(key, value, ttl)),
    compareAndSet: async (key, expected, value, ttl) =>
      note(key, value, await inner.compareAndSet(key, expected, value, ttl)),
    async take(key) {
      live.delete(key);
      return inner.take(key);
    },
    async delete(key) {
      live.delete(key);
      await inner.delete(key);
    },
  };
}

const stores: readonly (readonly [string, () => SignInStore])[] = [
  ["memoryStore()", () => memoryStore({ quiet: true })],
  ["redisStore()", () => redisStore(createClient({ url: redis.url }), { keyPrefix: `${(prefixes += 1)}:` })],
];

async function refusal(step: Promise<unknown>): Promise<string> {
  const error = await step.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  return isHostedAgentIdentityError(error) ? error.code : String(error);
}

describe.each(stores)("what one person leaves in %s", (_name, open) => {
  let store: Metered;
  let signIn: SignIn;
  let site: Site;
  beforeEach(async () => {
    store = metered(open());
    site = await signInSite(world, { store, encryptionKeys: [randomBytes(32)] });
    signIn = site.signIn;
  });
  afterEach(async () => {
    await site.close();
    await signIn.close();
  });

  const recordsOf = (kind: string): number[] =>
    [...store.live].filter(([key]) => key.startsWith(`${kind}:`)).map(([, size]) => size);
  const bytesOf = (kind: string): number => recordsOf(kind).reduce((sum, size) => sum + size, 0);
  const chat = (conversation: string, id = "mallory"): UserContext => platformContext(id, true, conversation);

  it("is at most 16 prompts of a chat, the newest ones, and nobody else's go for them", async () => {
    await signIn.keepPrompt(chat("theirs", "ada"), "Who is my manager?");
    for (let n = 0; n < 16; n += 1) await signIn.keepPrompt(chat(`c${n}`), `message ${n}`);
    // Two people's, and a list for each.
    expect(recordsOf("prompt")).toHaveLength(16 + 1 + 2);
    for (let n = 16; n < 40; n += 1) await signIn.keepPrompt(chat(`c${n}`), `message ${n}`);
    expect(recordsOf("prompt")).toHaveLength(16 + 1 + 2);
    expect(await connect("c39")).toMatchObject({ status: "bound", prompt: "message 39" });
    // Connected: each further code is bound at once.
    expect(await connect("c24")).toMatchObject({ prompt: "message 24" });
    expect(await connect("c23")).not.toMatchObject({ prompt: expect.any(String) });
    expect(await connect("theirs", "ada")).toMatchObject({ prompt: "Who is my manager?" });
  }, 60_000);

  it("is at most 512 KiB of prompts, however long each is", async () => {
    // Three bytes each, and a third more when sealed: 400 kB is the longest message there is.
    const long = "字".repeat(99_900);
    for (let n = 0; n < 8; n += 1) await signIn.keepPrompt(chat(`c${n}`), long);
    expect(recordsOf("prompt")).toHaveLength(2);
    expect(bytesOf("prompt")).toBeLessThanOrEqual(512 * 1024);
    await Promise.all(
      Array.from({ length: 60 }, (_, n) => signIn.keepPrompt(chat(`c${n % 30}`), "字".repeat(n * 1_000 + 1))),
    );
    expect(recordsOf("prompt").length).toBeLessThanOrEqual(17);
    // What is stored for the list itself comes on top.
    expect(bytesOf("prompt")).toBeLessThanOrEqual(512 * 1024 + 4_096);
    // Each of these takes six bytes: too large by itself, it drives no bytes out, and is named instead of kept.
    const before = bytesOf("prompt");
    await signIn.keepPrompt(chat("control"), `Sum up: ${"\u0001".repeat(99_900)}`);
    expect(bytesOf("prompt")).toBeLessThan(before + 1_000);
    const connected = await connect("control");
    expect(connected).toMatchObject({
      status: "bound",
      say: expect.stringContaining("“Sum up:…” is too long"),
    });
    expect(connected).not.toMatchObject({ prompt: expect.any(String) });
    // One in the same conversation takes the place of the one before.
    for (let n = 0; n < 20; n += 1) await signIn.keepPrompt(chat("same"), `message ${n}`);
    expect(await connect("same")).toMatchObject({ prompt: "message 19" });
  }, 60_000);

  it("is at most 16 sign-ins that wait for a code, and as many that wait for a yes", async () => {
    const codes: string[] = [];
    for (let n = 0; n < 17; n += 1) codes.push(await codeFor());
    // Each with the mark of its code, and their list.
    expect(recordsOf("pending")).toHaveLength(2 * 16 + 1);
    expect(await signIn.redeem(chat("c"), codes[0] ?? "")).toMatchObject({ status: "wrong_code" });
    expect(await signIn.redeem(chat("d"), codes[16] ?? "")).toMatchObject({ status: "confirm" });
    for (let n = 0; n < 18; n += 1)
      expect(await signIn.redeem(chat(`d${n}`), await codeFor())).toMatchObject({ status: "confirm" });
    // Every code was typed: what is left waits for a yes, with its question, and there are the two lists.
    expect(recordsOf("pending")).toHaveLength(2 * 16 + 2);
    expect(await signIn.redeem(chat("d1"), "yes")).toMatchObject({ status: "not_a_code" });
    expect(await signIn.redeem(chat("d17"), "yes")).toMatchObject({ status: "bound" });
    // A sign-out leaves no code behind, and frees what it took.
    await codeFor();
    expect(recordsOf("pending").filter((bytes) => bytes > 2_000)).not.toEqual([]);
    await signIn.signOut({
      kind: "platform",
      project: "https://project.example.com",
      agent: "agent",
      id: "mallory",
    });
    // The questions stay, to refuse their answers, and hold nothing.
    expect(recordsOf("pending")).toHaveLength(16 + 1);
    expect(recordsOf("pending").filter((bytes) => bytes > 2_000)).toEqual([]);
  }, 60_000);

  it("is at most 200 pieces of work, and ending one makes room for another", async () => {
    const work = async (context: UserContext): Promise<string> =>
      signIn.longRunning(context, { purpose: "report", until: new Date(Date.now() + 3_600_000) });
    await connect("c");
    const ids: string[] = [];
    for (let n = 0; n < 19; n += 1)
      ids.push(...(await Promise.all(Array.from({ length: 10 }, () => work(chat("c"))))));
    // Several at once: none slips through.
    const last = await Promise.all(Array.from({ length: 15 }, () => refusal(work(chat("c")))));
    expect(last.toSorted()).toEqual([
      ...Array.from({ length: 5 }, () => "quota_reached"),
      ...Array.from({ length: 10 }, () => "undefined"),
    ]);
    const before = [...store.live.keys()];
    expect(await refusal(work(chat("c")))).toBe("quota_reached");
    expect([...store.live.keys()]).toEqual(before);
    expect(await refusal(work(await contextOf(world, "Ada")))).toBe("undefined");
    await signIn.stopLongRunning(ids[7] ?? "");
    expect(await refusal(work(chat("c")))).toBe("undefined");
    expect(await refusal(work(chat("c")))).toBe("quota_reached");
    // What a sign-out has ended does not count.
    await signIn.signOut({
      kind: "platform",
      project: "https://project.example.com",
      agent: "agent",
      id: "mallory",
    });
    await connect("c");
    expect(await refusal(work(chat("c")))).toBe("undefined");
  }, 60_000);

  async function codeFor(id = "mallory"): Promise<string> {
    const page = await person(world.entra, "Ada").signIn(
      (await signIn.link(chat("c", id), world.contacts)).link,
    );
    expect(titleOf(page)).toBe("Type this code into your chat");
    return codeOf(page);
  }

  async function connect(conversation: string, id = "mallory") {
    const first = await signIn.redeem(chat(conversation, id), await codeFor(id));
    return first.status === "confirm" ? signIn.redeem(chat(conversation, id), "yes") : first;
  }
});

describe("room for grants", () => {
  const minutes = 60_000;
  const orders = ["prompt", "state", "pending", "tries", "grant"];

  it("memoryStore() refuses what is thrown away first, by number", async () => {
    const store = memoryStore({ quiet: true, maxEntries: 40 });
    const held: Record<string, number> = {};
    for (const kind of orders) {
      held[kind] = 0;
      while ((await refusal(store.setIfAbsent(`${kind}:${held[kind]}`, "1", minutes))) === "undefined")
        held[kind] += 1;
    }
    expect(held).toEqual({ prompt: 20, state: 10, pending: 0, tries: 0, grant: 10 });
    // What is there can be changed, counted and ended all the same.
    expect(await store.compareAndSet("prompt:0", "1", "2", minutes)).toBe(true);
    expect(await store.increment("state:0", minutes)).toBe(2);
    expect(await store.take("grant:0")).toBe("1");
    expect(await refusal(store.increment("tries:0", minutes))).toBe("store_unavailable");
    for (const kind of ["index", "pin", "ticket", "long-running", "works", "names", "anything"]) {
      expect(await store.setIfAbsent(`${kind}:x`, "1", minutes)).toBe(true);
      await store.delete(`${kind}:x`);
    }
    await store.close?.();
  });

  it("memoryStore() refuses what is thrown away first, by bytes", async () => {
    const store = memoryStore({ quiet: true, maxBytes: 100_000 });
    const value = "x".repeat(4_000);
    const held: Record<string, number> = {};
    for (const kind of orders) {
      held[kind] = 0;
      while ((await refusal(store.setIfAbsent(`${kind}:${held[kind]}`, value, minutes))) === "undefined")
        held[kind] += 1;
    }
    expect(held).toEqual({ prompt: 11, state: 6, pending: 0, tries: 0, grant: 6 });
    await store.close?.();
  });

  it("a store that chat users have filled with prompts still takes a sign-in, a grant, and its end", async () => {
    const store = memoryStore({ quiet: true, maxBytes: 4 * 1024 * 1024 });
    const site = await signInSite(world, { store });
    try {
      const long = "字".repeat(99_900);
      const kept = [];
      for (let n = 0; n < 30; n += 1)
        kept.push(await refusal(site.signIn.keepPrompt(platformContext(`mallory ${n}`), long)));
      expect(new Set(kept)).toEqual(new Set(["undefined", "store_unavailable"]));
      const chat = platformContext("ada");
      const page = await person(world.entra, "Ada").signIn(
        (await site.signIn.link(chat, world.contacts)).link,
      );
      expect((await site.signIn.redeem(platformContext("ada"), codeOf(page))).status).toBe("confirm");
      expect((await site.signIn.redeem(platformContext("ada"), "yes")).status).toBe("bound");
      const { tenantId: tid, oid } = world.entra.user("Ada");
      await site.signIn.forgetAccount({ tid, oid });
    } finally {
      await site.close();
    }
  });
});
