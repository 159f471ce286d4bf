import { createClient } from "redis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import {
  isConsentRequiredError,
  isHostedAgentIdentityError,
  userAccess,
  type UserAccess,
} from "hosted-agent-identity";
import { type Redeemed, redisStore, type SignIn, type SignInStore } from "hosted-agent-identity/sign-in";
import { decodeClaims } from "../../src/entra/token-claims.js";
import { startRedis, type RedisServer } from "../support/redis-server.js";
import { startTcpProxy } from "../support/tcp-proxy.js";
import { platformContext } from "./support/contexts.js";
import { codeOf, person, titleOf } from "./support/person.js";
import { signInSite, type Site } from "./support/site.js";
import { signInWorld, type SignInWorld } from "./support/signing-in.js";

/** A Redis that fails over to an empty server restarts every counter: what that may mean, and what not. */
let world: SignInWorld;
let redis: RedisServer;
let site: Site;
let twin: SignIn;
let ours: UserAccess;
let theirs: UserAccess;
let time = Date.now();
const now = (): number => time;
const stores: SignInStore[] = [];

beforeAll(async () => {
  world = await signInWorld({ now });
});
afterAll(() => world?.entra.close());

const storeAt = (url: string): SignInStore => {
  const store = redisStore(createClient({ url, socket: { reconnectStrategy: 20 } }));
  stores.push(store);
  return store;
};
beforeEach(async () => {
  time = Math.max(time, Date.now());
  redis = await startRedis();
  site = await signInSite(world, { now, store: storeAt(redis.url) });
  twin = site.twin({ store: storeAt(redis.url) });
  await Promise.all([site.signIn.ready(), twin.ready()]);
  [ours, theirs] = [site.signIn, twin].map((signIn) =>
    userAccess(world.contacts, [signIn.tokens()], { now }),
  ) as [UserAccess, UserAccess];
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close?.();
  await site.close();
  await redis.remove();
});

const chat = () => platformContext("someone");
const say = (text: string): Promise<Redeemed> => site.signIn.redeem(chat(), text);
const oid = (name: string): string => world.entra.user(name).oid;
const pageAfter = async (name: string, link?: string) =>
  person(world.entra, name).signIn(link ?? (await site.signIn.link(chat(), world.contacts)).link);

async function connect(name: string): Promise<void> {
  await say(codeOf(await pageAfter(name)));
  expect((await say("yes")).status).toBe("bound");
}

async function tokenOf(access: UserAccess): Promise<string | undefined> {
  const got = await access.token(chat()).catch((cause: unknown) => cause);
  if (isConsentRequiredError(got)) return "has to sign in";
  if (got instanceof Error) throw got;
  return decodeClaims((got as { token: string }).token)?.oid;
}

async function failOver(): Promise<void> {
  await redis.stop();
  await redis.start({ empty: true });
  // Until both processes have their connection again.
  for (const store of stores) await expect.poll(() => store.get("x").catch(() => "down")).toBeUndefined();
}

it("a sign-out stays one: neither grant, cached token, code, yes nor work comes back", async () => {
  await connect("Ada");
  expect([await tokenOf(ours), await tokenOf(theirs)]).toEqual([oid("Ada"), oid("Ada")]);
  const until = new Date(time + 3_600_000);
  const work = await site.signIn.longRunning(chat(), { purpose: "report", until });
  // Another sign-in is under way meanwhile, up to the yes.
  const link = (await site.signIn.link(chat(), world.contacts)).link;
  const code = codeOf(await pageAfter("Ada", link));
  const { principal } = chat();
  if (principal === undefined) throw new Error("no principal");
  await site.signIn.signOut(principal);
  await failOver();
  time += 60_000;
  expect([await tokenOf(ours), await tokenOf(theirs)]).toEqual(["has to sign in", "has to sign in"]);
  expect((await say(code)).status).toBe("refused");
  expect(await say("yes")).toEqual({ status: "not_a_code" });
  const taken = await twin.runAs(work, { purpose: "report" }, () => "ran").catch((cause: unknown) => cause);
  expect(isHostedAgentIdentityError(taken) && taken.code).toBe("long_running_refused");
  // And the next one begins anew.
  await connect("Ada");
  expect(await tokenOf(theirs)).toBe(oid("Ada"));
});

it("whoever was signed in is asked again, within a minute in every process", async () => {
  await connect("Ada");
  expect(await tokenOf(theirs)).toBe(oid("Ada"));
  await failOver();
  time += 60_000;
  expect([await tokenOf(ours), await tokenOf(theirs)]).toEqual(["has to sign in", "has to sign in"]);
});

it("a guesser has no more tries at a code: the code is gone with its counter", async () => {
  const link = (await site.signIn.link(chat(), world.contacts)).link;
  const code = codeOf(await pageAfter("Ada", link));
  const wrong = code.startsWith("2") ? `3${code.slice(1)}` : `2${code.slice(1)}`;
  for (let n = 0; n < 5; n += 1) await say(wrong);
  await failOver();
  for (const text of [code, wrong, code])
    expect(["refused", "not_a_code"]).toContain((await say(text)).status);
  expect(await tokenOf(ours)).toBe("has to sign in");
  // The link may be used again: with another code, and that has five tries.
  expect(codeOf(await pageAfter("Ada", link))).not.toBe(code);
});

it("a yes to what was lost connects nothing", async () => {
  const code = codeOf(await pageAfter("Ada"));
  expect((await say(code)).status).toBe("confirm");
  await failOver();
  expect(await say("yes")).toEqual({ status: "not_a_code" });
  expect(await tokenOf(ours)).toBe("has to sign in");
});

it("a chat whose pin was lost connects no other account without its code and its yes", async () => {
  await connect("Ada");
  await failOver();
  time += 60_000;
  const page = await pageAfter("Bob");
  expect(titleOf(page)).toBe("Type this code into your chat");
  expect(await tokenOf(ours)).toBe("has to sign in");
  expect(await say(codeOf(page))).toMatchObject({ status: "confirm", account: { oid: oid("Bob") } });
  expect(await tokenOf(ours)).toBe("has to sign in");
});

it("a Redis that hangs is named, before the guard around every store gives up", async () => {
  const proxy = await startTcpProxy(redis.port);
  try {
    const signIn = site.twin({ store: storeAt(proxy.url) });
    await signIn.ready();
    proxy.hang();
    const access = userAccess(world.contacts, [signIn.tokens()], { now });
    await expect(access.token(chat())).rejects.toThrow("Redis did not answer within 2000 ms.");
  } finally {
    await proxy.close();
  }
});
