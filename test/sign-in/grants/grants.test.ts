import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { HostedAgentIdentityError, type TokenExchangeError } from "hosted-agent-identity";
import { leaks } from "../../support/people.js";
import { masterKey, platformUser, replica, type Replica } from "../support/replica.js";
import { scriptedStore, type ScriptedStore } from "../support/scripted-store.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

const hour = 3_600_000;
const chat = platformUser("someone");

let world: SignInWorld;
let time: number;
const now = (): number => time;
let store: ScriptedStore;
let [a, b]: [Replica, Replica] = [undefined as never, undefined as never];

beforeAll(async () => {
  time = Date.now();
  world = await signInWorld({ now });
});
afterAll(() => world.entra.close());
beforeEach(() => {
  store = scriptedStore();
  a = replica(world, store, { now });
  b = replica(world, store, { now });
  world.entra.policies.clear();
});

async function refused(work: Promise<unknown>): Promise<HostedAgentIdentityError> {
  const error = await work.then(
    () => new Error("expected a refusal"),
    (cause: unknown) => cause,
  );
  if (!(error instanceof HostedAgentIdentityError)) throw error;
  return error;
}

const ada = (): string => world.entra.user("Ada").oid;
const grantKey = (from: Replica = a): string => {
  const [key] = [...store.values.keys()].filter((one) => one.startsWith("grant:"));
  if (key === undefined) throw new Error(`${from.core.agent} stored no grant`);
  return key;
};

describe("a grant", () => {
  it("gives the person's token, refreshed once, to every process", async () => {
    await a.connect(chat, "Ada");
    const before = world.refreshes();
    expect(await a.tokenOf(chat)).toBe(ada());
    expect(await b.tokenOf(chat)).toBe(ada());
    expect(world.refreshes() - before).toBe(1);
  });

  it("costs a fresh process one read of the store and no request while the token lives", async () => {
    await a.connect(chat, "Ada");
    await a.token(chat);
    const before = world.entra.requests.length;
    const fresh = replica(world, store, { now });
    store.steps.length = 0;
    expect(await fresh.tokenOf(chat)).toBe(ada());
    expect(store.steps).toEqual(["get"]);
    expect(world.entra.requests.length).toBe(before);
  });

  it("uses the token that came with the code first", async () => {
    const { account, refreshToken, ...token } = await world.signIn(a.app, "Ada");
    const { url: resource, scopes } = world.contacts;
    await a.grants.keep(
      chat,
      { account, refreshToken, resources: [resource], scopes },
      { ...token, resource, scopes },
    );
    const before = world.entra.requests.length;
    expect((await a.token(chat))?.token).toBe(token.token);
    expect(world.entra.requests.length).toBe(before);
  });

  it("is nobody else's: not another principal's, agent's, client's, nor opened under another name", async () => {
    await a.connect(chat, "Ada");
    await a.token(chat);
    const other = platformUser("someone-else");
    expect(await a.tokenOf(other)).toBeUndefined();
    const otherAgent = replica(world, store, { now, agent: "another-agent" });
    expect(await otherAgent.tokenOf(chat)).toBeUndefined();

    await a.connect(other, "Bob");
    const keys = [...store.values.keys()].filter((key) => key.startsWith("grant:"));
    const copied = store.values.get(keys[0] ?? "") ?? "";
    store.values.set(keys[1] ?? "", copied);
    expect(await a.tokenOf(other)).toBeUndefined();
    expect(await a.grants.find(other)).toBeUndefined();
  });

  it("is stored with nothing that can be read", async () => {
    const signedIn = await a.connect(chat, "Ada");
    const token = await a.token(chat);
    // The platform's words stand in no name either.
    const stored = [...store.values].flat().join(" ");
    const text = stored + Buffer.from(stored, "base64url").toString("latin1");
    for (const secret of [signedIn.refreshToken, token?.token ?? "", chat]) {
      expect(leaks(text, secret)).toBe(false);
    }
    expect(text).not.toContain(signedIn.account.oid);
  });

  it("survives a change of keys while the old one is listed, and ends when it is not", async () => {
    await a.connect(chat, "Ada");
    const next = new Uint8Array(32).fill(7);
    const rotated = replica(world, store, { now, keys: [next, masterKey] });
    expect(await rotated.tokenOf(chat)).toBe(ada());
    const later = replica(world, store, { now, keys: [next] });
    expect(await later.tokenOf(chat)).toBe(ada());
    expect(await a.tokenOf(chat)).toBeUndefined();
  });

  it("serves the resources and scopes that were asked for, and no others", async () => {
    await a.connect(chat, "Ada");
    expect(await a.tokenOf(chat, { resource: world.mail })).toBeUndefined();
    const [scope = ""] = world.contacts.scopes;
    const more = [scope, scope.replace("contacts.read", "contacts.write")];
    expect(await a.tokenOf(chat, { scopes: more })).toBeUndefined();
    await a.connect(chat, "Ada", [world.mail]);
    expect(await a.tokenOf(chat, { resource: world.mail })).toBe(ada());
    expect(await a.tokenOf(chat)).toBe(ada());
    expect((await a.grants.find(chat))?.resources).toEqual([world.contacts.url, world.mail.url]);
  });

  it("is refreshed in the background when its token is old, which is served meanwhile", async () => {
    await a.connect(chat, "Ada");
    const first = await a.token(chat);
    const before = world.refreshes();
    time += 0.9 * hour;
    expect((await a.token(chat))?.token).toBe(first?.token);
    await expect.poll(async () => (await a.token(chat))?.token !== first?.token).toBe(true);
    expect(await b.tokenOf(chat)).toBe(ada());
    expect(world.refreshes() - before).toBe(1);
  });

  it("makes one refresh for many callers, and lets one of them leave", async () => {
    await a.connect(chat, "Ada");
    const before = world.refreshes();
    const leaving = new AbortController();
    const left = a.tokenOf(chat, { signal: leaving.signal });
    const others = Promise.all(Array.from({ length: 100 }, () => a.tokenOf(chat)));
    leaving.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    expect(new Set(await others)).toEqual(new Set([ada()]));
    expect(world.refreshes() - before).toBe(1);
  });

  it("does not give a token again that the resource refused", async () => {
    await a.connect(chat, "Ada");
    const first = await a.token(chat);
    a.grants.forget(chat, first?.token);
    const second = await a.token(chat);
    expect(second?.token).not.toBe(first?.token);
    expect((await a.token(chat))?.token).toBe(second?.token);
    time += 1000;
    a.grants.forget(chat);
    expect((await a.token(chat))?.token).not.toBe(second?.token);
  });

  it("of one person is never kept for another, nor in place of the account that is signed in", async () => {
    const { oid, tenantId } = world.entra.user("Ada");
    const owner = JSON.stringify(["entra", tenantId, oid]);
    expect((await refused(a.connect(owner, "Bob"))).code).toBe("wrong_user");
    for (const other of [
      ["resource", tenantId, oid, "api://contacts"],
      ["oidc", tenantId, oid],
      ["odd", tenantId, oid],
    ])
      expect((await refused(a.connect(JSON.stringify(other), "Ada"))).code).toBe("wrong_user");
    expect(store.values.size).toBe(0);
    await a.connect(chat, "Ada");
    expect((await refused(a.connect(chat, "Bob"))).code).toBe("wrong_user");
    expect(await a.tokenOf(chat)).toBe(ada());
  });
});

describe("two processes that refresh at once", () => {
  it("lose no refresh token, resource or scope", async () => {
    const { refreshToken } = await a.connect(chat, "Ada", [world.contacts]);
    // Both have read the same record before either writes.
    let waiting = 0;
    let release = (): void => {};
    const bothRead = new Promise<void>((resolve) => (release = resolve));
    store.before(async (step) => {
      if (step !== "compareAndSet" || waiting >= 2) return;
      waiting += 1;
      if (waiting === 2) release();
      await bothRead;
    });
    const oids = await Promise.all([a.tokenOf(chat), b.tokenOf(chat)]);
    store.before(undefined);
    expect(oids).toEqual([ada(), ada()]);
    const steps = store.steps.filter((step) => step === "compareAndSet");
    // Index, sign-in, two refreshes, and the one that came second again.
    expect(steps).toHaveLength(5);
    const kept = await a.grants.find(chat);
    expect(kept?.refreshToken).not.toBe(refreshToken);
    time += 2 * hour;
    expect(await b.tokenOf(chat)).toBe(ada());
    expect(kept?.resources).toEqual([world.contacts.url]);
  });

  it("keep what a sign-in brought in between", async () => {
    await a.connect(chat, "Ada", [world.contacts]);
    let raced: Promise<unknown> | undefined;
    store.before(async (step) => {
      if (step !== "compareAndSet" || raced !== undefined) return;
      raced = Promise.resolve();
      await (raced = b.connect(chat, "Ada", [world.mail]));
    });
    expect(await a.tokenOf(chat)).toBe(ada());
    store.before(undefined);
    await raced;
    expect((await a.grants.find(chat))?.resources).toEqual([world.contacts.url, world.mail.url]);
    expect(await a.tokenOf(chat, { resource: world.mail })).toBe(ada());
  });

  it("do not bring back a grant that was removed meanwhile", async () => {
    await a.connect(chat, "Ada");
    let removed = false;
    store.before(async (step) => {
      if (step !== "compareAndSet" || removed) return;
      removed = true;
      await b.grants.remove(chat);
    });
    expect(await a.tokenOf(chat)).toBeUndefined();
    store.before(undefined);
    expect(await a.grants.find(chat)).toBeUndefined();
    expect(await b.tokenOf(chat)).toBeUndefined();
  });

  it("do not bring back a grant that the store has lost", async () => {
    await a.connect(chat, "Ada");
    let lost = false;
    store.before((step) => {
      if (step !== "compareAndSet" || lost) return;
      lost = true;
      store.values.clear();
    });
    expect(await a.tokenOf(chat)).toBeUndefined();
    expect(await a.grants.find(chat)).toBeUndefined();
  });
});

describe("the end of a grant", () => {
  it("is noticed by every process at its next look, and is no older sign-in's", async () => {
    await a.connect(chat, "Ada");
    const before = await a.grants.find(chat);
    expect(await b.tokenOf(chat)).toBe(ada());
    const told: string[] = [];
    const stop = a.grants.subscribe((principalKey) => void told.push(principalKey));
    await a.grants.remove(chat);
    stop();
    expect(told).toEqual([chat]);
    expect(await b.tokenOf(chat)).toBeUndefined();
    expect(a.events.at(-1)).toEqual({ type: "grant_ended", oid: ada(), reason: "signed_out" });
    await a.connect(chat, "Ada");
    expect((await a.grants.find(chat))?.generation).toBeGreaterThan(before?.generation ?? 0);
  });

  it("is what a token may not outlive by a minute", async () => {
    await a.connect(chat, "Ada");
    const token = await a.token(chat);
    expect((token?.useUntil ?? Infinity) - time).toBeLessThanOrEqual(60_000);
    expect(token?.refreshAt ?? Infinity).toBeLessThan(token?.useUntil ?? 0);
  });

  it.each<[string, Record<string, unknown>, string | undefined]>([
    ["revoked (50173)", { codes: [50173], suberror: "bad_token" }, "revoked"],
    ["of a disabled account (50057)", { codes: [50057] }, "account_disabled"],
    ["of a disabled guest (500571)", { codes: [500571] }, "account_disabled"],
    ["too old for the sign-in frequency (70043)", { codes: [70043], suberror: "token_expired" }, "revoked"],
    ["of a session that is gone (50132)", { codes: [50132] }, "revoked"],
    ["expired (70008)", { codes: [70008] }, "revoked"],
    ["unused for too long (700082)", { codes: [700082] }, "revoked"],
    ["older than it may become (700081)", { codes: [700081] }, "revoked"],
    ["bad, whatever the code", { codes: [999_999], suberror: "bad_token" }, "revoked"],
    ["asked for a password change", { codes: [999_999], suberror: "user_password_expired" }, undefined],
    ["blocked by a policy (53003)", { codes: [53003], suberror: "message_only" }, undefined],
    ["not answered (5xx)", { codes: [90033], error: "temporarily_unavailable", status: 503 }, undefined],
  ])("a refresh token that is %s ends the grant, or does not", async (_what, policy, reason) => {
    await a.connect(chat, "Ada");
    world.entra.policies.add({ type: "refuse", user: "Ada", grant: "refresh_token", ...policy } as never);
    const outcome = await a.token(chat).catch((cause: TokenExchangeError) => cause);
    if (reason === "revoked") expect(outcome).toBeUndefined();
    else expect(outcome).toBeInstanceOf(HostedAgentIdentityError);
    const live = await a.grants.find(chat);
    expect(live === undefined).toBe(reason !== undefined);
    const ended = a.events.find(({ type }) => type === "grant_ended");
    expect(ended).toEqual(reason === undefined ? undefined : { type: "grant_ended", oid: ada(), reason });
  });

  it("does not take a newer sign-in with it", async () => {
    await a.connect(chat, "Ada");
    world.entra.revokeSessions("Ada");
    let again: Promise<unknown> | undefined;
    // The old refresh token is refused; before that is written down, the person signs in again elsewhere.
    store.before(async (step) => {
      if (step !== "compareAndSet" || again !== undefined) return;
      again = Promise.resolve();
      await (again = b.connect(chat, "Ada"));
    });
    expect(await a.tokenOf(chat)).toBe(ada());
    await again;
    expect(await b.grants.find(chat)).toBeDefined();
  });

  it("of an account ends it for every principal that signed in with it, and for nobody else", async () => {
    const [first, second, other] = [platformUser("1"), platformUser("2"), platformUser("3")];
    const { account } = await a.connect(first, "Ada");
    await a.connect(second, "Ada");
    await a.connect(other, "Bob");
    expect(await a.grants.principalsOf(account)).toEqual([first, second]);
    await b.grants.removeAccount(account);
    expect([await a.tokenOf(first), await a.tokenOf(second)]).toEqual([undefined, undefined]);
    expect(await a.tokenOf(other)).toBe(world.entra.user("Bob").oid);
    expect(await a.grants.principalsOf(account)).toEqual([]);
  });

  it("can be found months later, because a grant in use stays in its index", async () => {
    const { account } = await a.connect(chat, "Ada");
    const [index = ""] = [...store.values.keys()].filter((key) => key.startsWith("index:"));
    store.values.delete(index);
    time += 40 * 24 * hour;
    expect(await a.tokenOf(chat)).toBe(ada());
    expect(await a.grants.principalsOf(account)).toEqual([chat]);
  });
});

describe("Entra wants more", () => {
  it("keeps the grant and passes the challenge on", async () => {
    await a.connect(chat, "Ada");
    world.entra.policies.add({ type: "mfa", user: "Ada", grant: "refresh_token" });
    const error = (await refused(a.token(chat))) as TokenExchangeError;
    expect([error.code, error.claims]).toEqual(["step_up_required", expect.stringContaining("polids")]);
    expect(await a.grants.find(chat)).toBeDefined();
  });

  it("never answers a challenge with a token that does not meet it", async () => {
    await a.connect(chat, "Ada");
    const plain = await a.token(chat);
    const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
    expect((await refused(a.token(chat, { claims }))).code).toBe("step_up_required");
    const signedIn = await world.signIn(a.app, "Ada", { claims });
    const { url, scopes } = world.contacts;
    const { account, refreshToken } = signedIn;
    await a.grants.keep(chat, { account, refreshToken, resources: [url], scopes });
    const strong = await a.token(chat, { claims });
    expect(strong?.token).not.toBe(plain?.token);
    expect((await a.token(chat, { claims }))?.token).toBe(strong?.token);
    expect((await a.token(chat))?.token).toBe(strong?.token);
  });
});

describe("trouble", () => {
  it("of the store is an error of its own, never a token", async () => {
    await a.connect(chat, "Ada");
    await a.token(chat);
    store.before(() => {
      throw new Error(`ECONNREFUSED while reading ${grantKey()}`);
    });
    for (const work of [a.token(chat), a.grants.find(chat), a.grants.remove(chat)]) {
      const error = await refused(work);
      expect([error.code, error.category]).toEqual(["store_unavailable", "retry"]);
      expect(JSON.stringify([error.message, String(error.cause)])).not.toContain("grant:");
    }
    store.before(undefined);
    expect(await a.tokenOf(chat)).toBe(ada());
  });

  it("with a swapped answer gives nothing and keeps nothing", async () => {
    const other = platformUser("3");
    await a.connect(chat, "Ada");
    await a.connect(other, "Bob");
    const before = [...store.values.values()];
    world.entra.policies.add({ type: "swap", grant: "refresh_token" });
    const errors = await Promise.all([refused(a.token(chat)), refused(b.token(other))]);
    expect(errors.map(({ code }) => code)).toEqual(["wrong_user", "wrong_user"]);
    expect([...store.values.values()]).toEqual(before);
    expect([await a.tokenOf(chat), await b.tokenOf(other)]).toEqual([ada(), world.entra.user("Bob").oid]);
  });
});
