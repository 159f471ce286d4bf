import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type Principal,
  type TokenSource,
  userAccess,
  type UserAccess,
  type UserContext,
  userTokenVerifier,
} from "hosted-agent-identity";
import {
  createSignIn,
  remoteSignIn,
  type RemoteSignIn,
  type SignIn,
  signInApi,
  type SignInOptions,
  type SignInStore,
} from "hosted-agent-identity/sign-in";
import { questionsOf } from "../../src/sign-in/binding/question.js";
import { contextOf, platformContext } from "./support/contexts.js";
import { masterKey, replica, type Replica } from "./support/replica.js";
import { scriptedStore, type ScriptedStore } from "./support/scripted-store.js";
import { signInWorld, type SignInWorld } from "./support/signing-in.js";

const minute = 60_000;
const purpose = "the nightly report";
let world: SignInWorld;
let time: number;
const now = (): number => time;
let store: ScriptedStore;
let seed: Replica;

beforeAll(async () => {
  time = Date.now();
  world = await signInWorld({ now });
  const consent = { user: "Ada", client: "agent", resource: "contacts", scopes: ["contacts.read"] };
  world.entra.grantConsent(consent);
});
afterAll(() => world.entra.close());
beforeEach(() => {
  time = Math.max(time, Date.now());
  store = scriptedStore();
  seed = replica(world, store, { now });
});

/** One process of the agent. */
function agent(more: Partial<SignInOptions> & { store?: SignInStore } = {}): SignIn {
  return createSignIn({
    app: world.app({ now }),
    publicUrl: "https://agent.example.com",
    resources: [world.contacts, world.mail],
    store,
    encryptionKeys: [masterKey],
    agentName: "agent",
    now,
    ...more,
  });
}

const accessOf = (...sources: readonly TokenSource[]): UserAccess =>
  userAccess(world.contacts, sources, { now });

/** What a new turn of somebody gets. */
async function turn(contacts: UserAccess, context: UserContext): Promise<string> {
  return contacts.token(context).then(
    ({ token }) => token,
    (error: { code: string }) => error.code,
  );
}

/** A platform user who has signed in as Ada. */
async function chat(id: string): Promise<{ next(): UserContext; readonly principal: Principal }> {
  const next = (): UserContext => platformContext(id);
  await seed.connect(next().principalKey ?? "", "Ada");
  const { principal } = next();
  if (principal === undefined) throw new Error("The chat has no principal.");
  return { next, principal };
}

/** A gate that holds up whoever waits at it. */
function gate(): { wait(): Promise<void>; readonly reached: Promise<void>; open(): void } {
  let open = (): void => {};
  let arrive = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  const reached = new Promise<void>((resolve) => (arrive = resolve));
  const wait = (): Promise<void> => {
    arrive();
    return opened;
  };
  return { wait, reached, open };
}

/** The store, as one whose answers are late: what was read is out of date when it arrives. */
function lateReads(hold: { wait(): Promise<void> }): SignInStore & { late: boolean } {
  const slow = {
    ...store,
    late: false,
    async get(key: string): Promise<string | undefined> {
      const value = await store.get(key);
      if (slow.late && key.startsWith("grant:")) {
        slow.late = false;
        await hold.wait();
      }
      return value;
    },
  };
  return slow;
}

describe("after signOut() has resolved", () => {
  it("no turn of this process gets a token that was being read meanwhile, not even who was waiting for it", async () => {
    const hold = gate();
    const slow = lateReads(hold);
    const signIn = agent({ store: slow });
    const contacts = accessOf(signIn.tokens());
    const { next, principal } = await chat("reading");
    // The store has a token from now on: it would be given without asking Entra.
    expect(await turn(accessOf(agent().tokens()), next())).toMatch(/^ey/);
    slow.late = true;
    const waiting = turn(contacts, next());
    await hold.reached;
    await signIn.signOut(principal);
    hold.open();
    expect(await waiting).toBe("consent_required");
    expect(await turn(contacts, next())).toBe("consent_required");
    time += 2_000;
    expect(await turn(contacts, next())).toBe("consent_required");
  });

  it("an agent of a sign-in service gets no token that the service was giving it meanwhile", async () => {
    const { remote, service } = await remoteAgent();
    const contacts = accessOf(remote.tokens());
    const { next } = await chat("remote");
    const hold = gate();
    service.holdReply = hold;
    const waiting = turn(contacts, next());
    await hold.reached;
    await remote.signOut(next());
    const after = turn(contacts, next());
    hold.open();
    expect(await waiting).toMatch(/^ey/);
    expect(await after).toBe("consent_required");
    expect(await turn(contacts, next())).toBe("consent_required");
  });

  it("nor one that it had, also when the service's answer was lost", async () => {
    const { remote, service } = await remoteAgent();
    const contacts = accessOf(remote.tokens());
    const { next } = await chat("lost answer");
    expect(await turn(contacts, next())).toMatch(/^ey/);
    service.loseReplies = true;
    await expect(remote.signOut(next())).rejects.toMatchObject({ code: "sign_in_service_unavailable" });
    service.loseReplies = false;
    expect(await turn(contacts, next())).toBe("consent_required");
  });

  it("no message that a sign-in had interrupted is left in the store, in whatever conversation", async () => {
    const { next, principal } = await chat("chat with interrupted messages");
    const signIn = agent();
    const prompts = (): number =>
      [...store.values.keys()].filter((name) => name.startsWith("prompt:")).length;
    await signIn.keepPrompt(next(), "Who is my manager?");
    await signIn.keepPrompt(next(), "Whom do I know?");
    expect(prompts()).toBeGreaterThan(0);
    await signIn.signOut(principal);
    expect(prompts()).toBe(0);
  });

  it("no question is left that holds a refresh token or a message", async () => {
    const { core } = seed;
    const { next, principal } = await chat("chat with a question");
    const owner = next().principalKey ?? "";
    const arrived = await world.signIn(seed.app, "Ada");
    const question = { id: "q", generation: 1, account: arrived.account, serverLabel: "contacts" };
    const messages = { prompt: "my prompt", title: "my prompt", earlier: [] };
    await questionsOf(core, owner, "one").ask({ ...question, state: "asked", ticketId: "t" });
    await questionsOf(core, owner, "two").ask({ ...question, state: "given", messages });
    await agent().signOut(principal);
    expect((await questionsOf(core, owner, "one").read())?.question).toEqual({ ...question, state: "asked" });
    const given = (await questionsOf(core, owner, "two").read())?.question;
    expect(given).toEqual({ ...question, state: "refused", reason: "expired" });
  });

  it("the work that goes on for a person has left no refresh token in the store", async () => {
    const signIn = agent();
    const ada = await contextOf(world, "Ada");
    const id = await signIn.longRunning(ada, { purpose, until: new Date(time + minute) });
    expect(await leftOf("Ada")).toEqual({ grants: 1, works: 1 });
    await signIn.signOut(ada.principal as Principal);
    expect(await leftOf("Ada")).toEqual({ grants: 0, works: 0 });
    await expect(signIn.runAs(id, { purpose }, () => 1)).rejects.toMatchObject({
      code: "long_running_refused",
    });
  });

  it("nor has work that was being begun", async () => {
    const hold = gate();
    const app = world.app({
      now,
      async fetch(input, init) {
        const answer = await fetch(input, init);
        if (String(init?.body).includes("jwt-bearer")) await hold.wait();
        return answer;
      },
    });
    const signIn = agent({ app });
    const ada = await contextOf(world, "Ada");
    const begun = signIn.longRunning(ada, { purpose, until: new Date(time + minute) });
    begun.catch(() => undefined);
    await hold.reached;
    await signIn.signOut(ada.principal as Principal);
    hold.open();
    await expect(begun).rejects.toMatchObject({ code: "long_running_refused" });
    expect(await leftOf("Ada")).toEqual({ grants: 0, works: 0 });
  });
});

it("forgetAccount() takes the work of the person with it", async () => {
  const signIn = agent();
  const ada = await contextOf(world, "Ada");
  await signIn.longRunning(ada, { purpose, until: new Date(time + minute) });
  await signIn.forgetAccount(adaOf(ada));
  expect(await leftOf("Ada")).toEqual({ grants: 0, works: 0 });
});

it("a token of work that was stopped serves no turn of the person", async () => {
  const signIn = agent();
  const contacts = accessOf(signIn.tokens());
  const ada = await contextOf(world, "Ada");
  const id = await signIn.longRunning(ada, { purpose, until: new Date(time + minute) });
  expect(await signIn.runAs(id, { purpose }, ({ context }) => turn(contacts, context))).toMatch(/^ey/);
  await signIn.stopLongRunning(id);
  expect(await turn(contacts, await contextOf(world, "Ada"))).toBe("consent_required");
});

it("tokens of before a sign-out do not open behind the record of after it", async () => {
  const signIn = agent();
  const { next, principal } = await chat("splice");
  expect(await turn(accessOf(signIn.tokens()), next())).toMatch(/^ey/);
  const [key = "", before = ""] = [...store.values].find(([name]) => name.startsWith("grant:")) ?? [];
  await signIn.signOut(principal);
  const after = store.values.get(key) ?? "";
  expect([before.split(".").length, after.split(".").length]).toEqual([3, 2]);
  store.values.set(key, `${after}.${before.split(".")[2]}`);
  expect(await turn(accessOf(agent().tokens()), next())).toBe("consent_required");
});

it("nor do tokens of an earlier sign-in behind the record of a later one", async () => {
  const { next } = await chat("later");
  await turn(accessOf(agent().tokens()), next());
  const [key = "", before = ""] = [...store.values].find(([name]) => name.startsWith("grant:")) ?? [];
  const old = await turn(accessOf(agent().tokens()), next());
  await seed.connect(next().principalKey ?? "", "Ada");
  const after = store.values.get(key) ?? "";
  store.values.set(key, `${after.split(".").slice(0, 2).join(".")}.${before.split(".")[2]}`);
  const token = await turn(accessOf(agent().tokens()), next());
  expect(token).toMatch(/^ey/);
  expect(token).not.toBe(old);
});

/**
 * How long another process goes on, at most, measured by a clock that we move: it asks each second, and the
 * sign-out comes at any second of what it holds.
 */
describe("another process, which is told of no sign-out, stops within the documented minute", () => {
  it("on the same store", async () => {
    const [here, there] = [agent(), agent()];
    const contacts = accessOf(there.tokens());
    const lasted: number[] = [];
    for (let second = 0; second < 70; second += 5) {
      const { next, principal } = await chat(`replica ${second}`);
      lasted.push(
        await lastTokenAfter(
          second,
          () => turn(contacts, next()),
          () => here.signOut(principal),
        ),
      );
    }
    expect(Math.max(...lasted)).toBeLessThanOrEqual(60);
    // It is not asked anew for every call, or nothing was measured.
    expect(Math.max(...lasted)).toBeGreaterThan(20);
  }, 60_000);

  it("behind another replica of the sign-in service", async () => {
    const here = agent();
    const { remote } = await remoteAgent();
    const contacts = accessOf(remote.tokens());
    const lasted: number[] = [];
    for (let second = 0; second < 70; second += 10) {
      const { next, principal } = await chat(`behind ${second}`);
      const ask = (): Promise<string> => turn(contacts, next());
      lasted.push(await lastTokenAfter(second, ask, () => here.signOut(principal)));
    }
    expect(Math.max(...lasted)).toBeLessThanOrEqual(60);
    expect(Math.max(...lasted)).toBeGreaterThan(20);
  }, 60_000);

  it("behind a service whose answer is on its way for nine seconds while the person signs out", async () => {
    const here = agent();
    const { remote, service } = await remoteAgent();
    const contacts = accessOf(remote.tokens());
    const { next, principal } = await chat("slow");
    let signedOutAt = 0;
    service.meanwhile = async () => {
      await here.signOut(principal);
      signedOutAt = time;
      time += 9_000;
    };
    expect(await turn(contacts, next())).toMatch(/^ey/);
    const last = await lastToken(() => turn(contacts, next()));
    expect(last - signedOutAt).toBeGreaterThan(20_000);
    expect(last - signedOutAt).toBeLessThanOrEqual(60_000);
  });
});

/** Asks each second; after so many, signs out. How many seconds later a token was given for the last time. */
async function lastTokenAfter(
  seconds: number,
  ask: () => Promise<string>,
  signOut: () => Promise<void>,
): Promise<number> {
  for (let second = 0; second <= seconds; second += 1) {
    expect(await ask()).toMatch(/^ey/);
    time += 1_000;
  }
  await signOut();
  const from = time;
  return ((await lastToken(ask)) - from) / 1_000;
}

/** Asks each second for three minutes. When a token was given for the last time. */
async function lastToken(ask: () => Promise<string>): Promise<number> {
  const from = time;
  let last = from;
  for (; time < from + 3 * minute; time += 1_000) {
    const began = time;
    if ((await ask()).startsWith("ey")) last = began;
  }
  return last;
}

interface RemoteService {
  /** Holds up the next answer. */
  holdReply: ReturnType<typeof gate> | undefined;
  loseReplies: boolean;
  /** What happens once, after the service has answered and before the agent hears of it. */
  meanwhile: (() => Promise<void>) | undefined;
}

/** An agent that uses a sign-in service of another process. */
async function remoteAgent(): Promise<{ remote: RemoteSignIn; service: RemoteService }> {
  const app = world.app({ now });
  const api = signInApi({
    app,
    verify: userTokenVerifier({ app, now }),
    agents: [
      {
        name: "agent",
        clientIds: [world.entra.app("mail").clientId],
        signIn: agent(),
        resources: [world.contacts],
        platformProject: "https://project.example.com",
      },
    ],
    now,
  });
  const service: RemoteService = { holdReply: undefined, loseReplies: false, meanwhile: undefined };
  const remote = remoteSignIn({
    url: "https://sign-in.example.com",
    scope: "api://sign-in/.default",
    credential: {
      getToken: async () => ({
        token: await world.entra.issueAppToken({ client: "mail", app: "agent" }),
        expiresOnTimestamp: time + 301_000,
      }),
    },
    now,
    async fetch(input, init) {
      const reply = await api(new Request(input, init));
      const hold = service.holdReply;
      service.holdReply = undefined;
      await hold?.wait();
      const { meanwhile } = service;
      service.meanwhile = undefined;
      await meanwhile?.();
      if (service.loseReplies || reply === undefined) throw new TypeError("fetch failed");
      return reply;
    },
  });
  return { remote, service };
}

function adaOf({ user }: UserContext): { tid: string; oid: string } {
  if (user === undefined) throw new Error("It names nobody.");
  return user;
}

/** What the store still has of a person's work: grants that open, and records of work. */
async function leftOf(user: string): Promise<{ grants: number; works: number }> {
  const { tid, oid } = adaOf(await contextOf(world, user));
  const owners = await seed.grants.principalsOf({ tid, oid });
  const found = await Promise.all(owners.map((owner) => seed.grants.find(owner)));
  const sealed = [...store.values].filter(([key]) => key.startsWith("grant:"));
  const opened = found.filter((grant) => grant !== undefined).length;
  expect(sealed.length).toBeGreaterThanOrEqual(opened);
  const works = [...store.values.keys()].filter((key) => key.startsWith("long-running:")).length;
  return { grants: opened, works };
}
