import { randomBytes } from "node:crypto";
import { createClient } from "redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isHostedAgentIdentityError, onBehalfOf, userAccess, type UserAccess } from "hosted-agent-identity";
import { redisStore, type SignIn } from "hosted-agent-identity/sign-in";
import { decodeClaims } from "../../src/entra/token-claims.js";
import { contextOf, platformContext } from "../sign-in/support/contexts.js";
import { codeOf, person, titleOf } from "../sign-in/support/person.js";
import { signInSite, type Site } from "../sign-in/support/site.js";
import { signInWorld, type SignInWorld } from "../sign-in/support/signing-in.js";
import { redisOperator } from "../support/redis-operator.js";
import { startRedis, type RedisServer } from "../support/redis-server.js";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.js";

const people = ["Ada", "Bob", "Cleo"] as const;
type Person = (typeof people)[number];
/** The store's own limit for each call here; 2 s by default. */
const timeoutMs = 600;

/** What one call came to, and what it cost. */
interface Outcome {
  /** Whose token it is, or the code of the error. */
  readonly sees: string;
  /** Requests to Entra's token endpoint. */
  readonly posts: number;
  readonly ms: number;
}

/** A process of the agent: nothing but the store is shared with others. */
interface Agent {
  readonly signIn: SignIn;
  turn(name: Person): Promise<Outcome>;
  turns(): Promise<Readonly<Record<Person, Pick<Outcome, "sees" | "posts">>>>;
}

let world: SignInWorld;
let redis: RedisServer;
let line: TcpProxy;
let site: Site;
let time = 0;
const now = (): number => Date.now() + time;
const keysOf = new Map<Person, readonly string[]>();
let opened: { close(): Promise<unknown> }[] = [];

beforeAll(async () => {
  world = await signInWorld({ now });
});
afterAll(() => world.entra.close());
beforeEach(async () => {
  time = 0;
  redis = await startRedis(["--maxmemory-policy", "noeviction", "--appendonly", "yes"]);
  line = await startTcpProxy(redis.port);
  site = await signInSite(world, { now, store: storeOf() });
  opened.push(site);
  keysOf.clear();
  const operator = await redisOperator(redis.url);
  opened.push({ close: async () => operator.destroy() });
  const known = new Set<string>();
  for (const name of people) {
    await signsIn(name);
    const added = (await operator.keys("*")).filter((key) => !known.has(key));
    for (const key of added) known.add(key);
    keysOf.set(name, added);
  }
});
afterEach(async () => {
  line.delay(0);
  await Promise.all(opened.map((one) => one.close()));
  opened = [];
  await line.close();
  await redis.remove();
});

function storeOf() {
  const client = createClient({ url: line.url, socket: { reconnectStrategy: 20 } });
  const store = redisStore(client, { timeoutMs });
  opened.push({ close: async () => store.close?.() });
  return store;
}

const contextFor = (name: Person) => platformContext(`the platform's ${name}`);

async function signsIn(name: Person): Promise<void> {
  const context = contextFor(name);
  const { link } = await site.signIn.link(context, world.contacts);
  const code = codeOf(await person(world.entra, name).signIn(link));
  for (const said of [code, "yes"]) await site.signIn.redeem(context, said);
}

function agent({ keys }: { readonly keys?: readonly Uint8Array[] } = {}): Agent {
  const signIn = site.twin({ store: storeOf(), ...(keys === undefined ? {} : { encryptionKeys: keys }) });
  const contacts = userAccess(world.contacts, [signIn.tokens()], { now });
  opened.push(contacts, signIn);
  const turn = (name: Person): Promise<Outcome> => outcome(contacts, name);
  return {
    signIn,
    turn,
    async turns() {
      const found = await Promise.all(people.map(turn));
      return Object.fromEntries(found.map(({ sees, posts }, at) => [people[at], { sees, posts }])) as Awaited<
        ReturnType<Agent["turns"]>
      >;
    },
  };
}

async function outcome(contacts: UserAccess, name: Person, context = contextFor(name)): Promise<Outcome> {
  const posts = (): number =>
    world.entra.requests.filter(({ path, user }) => path.endsWith("/token") && user === name).length;
  const [before, started] = [posts(), performance.now()];
  let sees: string;
  try {
    const oid = decodeClaims((await contacts.token(context)).token)?.oid;
    sees = people.find((one) => world.entra.user(one).oid === oid) ?? "somebody else";
  } catch (cause) {
    sees = isHostedAgentIdentityError(cause) ? cause.code : String(cause);
  } finally {
    context.end();
  }
  return { sees, posts: posts() - before, ms: performance.now() - started };
}

/** A direct line to the server, for what an operator or an intruder does. */
async function atRedis() {
  const client = await redisOperator(redis.url);
  opened.push({ close: async () => client.destroy() });
  const grantOf = (name: Person): string => keysOf.get(name)?.find((key) => key.includes(":grant:")) ?? "";
  return {
    limit: (bytes: string) => client.sendCommand(["CONFIG", "SET", "maxmemory", bytes]),
    async change(name: Person, how: (text: string) => string): Promise<void> {
      const text = (await client.get(grantOf(name))) ?? "";
      expect(text).not.toBe("");
      await client.set(grantOf(name), how(text), { expiration: "KEEPTTL" });
    },
    read: async (name: Person) => (await client.get(grantOf(name))) ?? "",
  };
}

const hour = 3_600_000;
const minute = 61_000;
const everybody = (sees: (name: Person) => string, posts: number) =>
  Object.fromEntries(people.map((name) => [name, { sees: sees(name), posts }]));
const served = everybody((name) => name, 0);
const renewed = everybody((name) => name, 1);
const unavailable = everybody(() => "store_unavailable", 0);

describe("the store of sign-ins", () => {
  it("is down: tokens at hand serve a minute, then nobody is served, nobody is asked to sign in, 0 POSTs", async () => {
    const [running, fresh] = [agent(), agent()];
    expect(await running.turns()).toEqual(served);
    await redis.stop();
    expect(await running.turns()).toEqual(served);
    expect(await fresh.turns()).toEqual(unavailable);
    time += minute;
    expect(await running.turns()).toEqual(unavailable);
    await redis.start();
    await expect.poll(() => fresh.turns(), { timeout: 20_000 }).toEqual(served);
    expect(await running.turns()).toEqual(served);
  });

  it("is down: whoever brings a usable token is exchanged for as before", async () => {
    const { signIn } = agent();
    const app = world.app();
    const contacts = userAccess(world.contacts, [onBehalfOf(app), signIn.tokens()], { now });
    opened.push(contacts, app);
    const consent = { client: "agent", resource: "contacts", scopes: ["contacts.read"] };
    for (const user of people) world.entra.grantConsent({ user, ...consent });
    await redis.stop();
    const calls = [
      outcome(contacts, "Ada"),
      outcome(contacts, "Bob", await contextOf(world, "Bob")),
      outcome(contacts, "Cleo", await contextOf(world, "Cleo")),
    ];
    expect((await Promise.all(calls)).map(({ sees, posts }) => [sees, posts])).toEqual([
      ["store_unavailable", 0],
      ["Bob", 1],
      ["Cleo", 1],
    ]);
  });

  it("hangs: one call of each waits for the store's limit, and then the line is made anew", async () => {
    const running = agent();
    expect(await running.turns()).toEqual(served);
    time += minute;
    line.hang();
    const first = await Promise.all(people.map(running.turn));
    expect(first.map(({ sees, posts }) => [sees, posts])).toEqual(people.map(() => ["store_unavailable", 0]));
    for (const { ms } of first) expect(ms).toBeLessThan(10 * timeoutMs);
    await expect.poll(() => running.turns(), { timeout: 20_000 }).toEqual(served);
  });

  it("is slow, but in time: costs that time and nothing else", async () => {
    const running = agent();
    expect(await running.turns()).toEqual(served);
    time += minute;
    line.delay(timeoutMs / 3);
    const calls = await Promise.all(people.map(running.turn));
    expect(calls.map(({ sees, posts }) => [sees, posts])).toEqual(people.map((name) => [name, 0]));
    for (const { ms } of calls) expect(ms).toBeGreaterThan(timeoutMs / 4);
  });

  /** A record is two sealed texts: the tokens of now, and what renews them. */
  const damages: readonly (readonly [string, (text: string, bobs: string) => string])[] = [
    ["changed, in its tokens and in its grant", (text) => text.replaceAll("A", "B")],
    ["cut off", (text) => text.slice(0, 100)],
    ["empty", () => ""],
    ["no record at all", () => '{"grant":{"refreshToken":"none"}}'],
    ["a copy of somebody else's", (_text, bobs) => bobs],
  ];
  it.each(damages)(
    "has one person's record %s: that person signs in again, the others notice nothing",
    async (_what, damage) => {
      const operator = await atRedis();
      const bobs = await operator.read("Bob");
      await operator.change("Ada", (text) => damage(text, bobs));
      const asked = { ...served, Ada: { sees: "consent_required", posts: 0 } };
      expect(await agent().turns()).toEqual(asked);
      time += hour;
      const renewing = agent();
      expect(await renewing.turns()).toEqual({ ...renewed, Ada: asked.Ada });
      expect(await operator.read("Bob")).not.toBe(bobs);
      await signsIn("Ada");
      expect(await renewing.turns()).toEqual(served);
    },
  );

  it("is read with a wrong key: everybody is asked to sign in, nothing is lost, the right key serves again", async () => {
    const mistaken = agent({ keys: [randomBytes(32)] });
    expect(await mistaken.turns()).toEqual(everybody(() => "consent_required", 0));
    time += hour;
    expect(await mistaken.turns()).toEqual(everybody(() => "consent_required", 0));
    expect(await agent().turns()).toEqual(renewed);
  });

  it("is full: tokens serve to their end, what has to be renewed or stored waits for room", async () => {
    const operator = await atRedis();
    const running = agent();
    await operator.limit("1mb");
    expect(await running.turns()).toEqual(served);
    expect(await agent().turns()).toEqual(served);
    time += hour;
    // The token that came may be the last one of its refresh token, so it is not handed out unless that is kept.
    const full = everybody(() => "store_unavailable", 1);
    expect(await running.turns()).toEqual(full);
    const browser = person(world.entra, "Ada");
    const { link } = await site.signIn.link(contextFor("Ada"), world.contacts);
    expect(titleOf(await browser.signIn(link))).toBe("That did not work just now");
    await operator.limit("0");
    expect(await running.turns()).toEqual(renewed);
    expect(await agent().turns()).toEqual(served);
  });
});
