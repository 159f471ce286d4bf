import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import {
  getUserContext,
  type HostedAgentIdentityError,
  isHostedAgentIdentityError,
  onBehalfOf,
  tryGetUserContext,
  userAccess,
  type UserAccess,
  type UserContext,
} from "hosted-agent-identity";
import type { LongRunningTurn } from "hosted-agent-identity/sign-in";
import { decodeClaims } from "../../src/entra/token-claims.js";
import { longRunning, type LongRunning } from "../../src/sign-in/long-running/long-running.js";
import { signInTokens } from "../../src/sign-in/tokens-source.js";
import { workList, type WorkList } from "../../src/sign-in/long-running/work-list.js";
import { contextOf, nobody, platformContext } from "./support/contexts.js";
import { replica, type Replica } from "./support/replica.js";
import { scriptedStore, type ScriptedStore } from "./support/scripted-store.js";
import { signInWorld, type SignInWorld } from "./support/signing-in.js";

const hour = 3_600_000;
const purpose = "the nightly report";
let world: SignInWorld;
let time: number;
const now = (): number => time;
let store: ScriptedStore;
let agent: Replica;
let work: LongRunning;

beforeAll(async () => {
  time = Date.now();
  world = await signInWorld({ now });
  world.entra.grantConsent({
    user: "Ada",
    client: "agent",
    resource: "contacts",
    scopes: ["contacts.read"],
  });
});
afterAll(() => world.entra.close());
beforeEach(() => {
  time = Math.max(time, Date.now());
  store = scriptedStore();
  agent = replica(world, store, { now });
  work = longRunning(agent.core, agent.grants);
});

function access(of: { agent: Replica; work: LongRunning } = { agent, work }): UserAccess {
  const link = async (): Promise<{ link: string }> => ({ link: "https://agent.example.com/sign-in" });
  const signIn = signInTokens(of.agent.core, of.agent.grants, link, of.work.grantKeyOf);
  return userAccess(world.contacts, [onBehalfOf(of.agent.app), signIn], { now });
}

const until = (ms: number): Date => new Date(time + ms);
const oidOf = async (contacts: UserAccess): Promise<unknown> =>
  decodeClaims((await contacts.token()).token)?.oid;

async function refused(run: Promise<unknown>): Promise<HostedAgentIdentityError> {
  const error = await run.then(
    () => new Error("expected a refusal"),
    (cause: unknown) => cause,
  );
  if (!isHostedAgentIdentityError(error)) throw error;
  return error;
}

async function signedIn(id = "night", user = "Ada"): Promise<UserContext> {
  const context = platformContext(id);
  await agent.connect(context.principalKey ?? "", user);
  return context;
}

it("goes on as the person after the turn, in another process of the same agent", async () => {
  const context = await signedIn();
  const id = await work.start(context, { purpose, until: until(hour) });
  context.end();
  const other = replica(world, store, { now });
  const elsewhere = longRunning(other.core, other.grants);
  const contacts = access({ agent: other, work: elsewhere });
  const seen = await elsewhere.runAs(id, { purpose }, async (turn) => {
    expect(getUserContext()).toBe(turn.context);
    expect(turn.context.principalKey).toBe(context.principalKey);
    return oidOf(contacts);
  });
  expect(seen).toBe(world.entra.user("Ada").oid);
  expect(tryGetUserContext()).toBeUndefined();
});

it("ends its context with the function", async () => {
  const id = await work.start(await signedIn(), { purpose, until: until(hour) });
  let kept: LongRunningTurn | undefined;
  await work.runAs(id, { purpose }, (turn) => void (kept = turn));
  expect(kept?.context.ended).toBe(true);
  expect((await refused(access().token(kept?.context))).code).toBe("context_ended");
});

it("is refused for another purpose, another agent, an unknown id and a copied record", async () => {
  const id = await work.start(await signedIn(), { purpose, until: until(hour) });
  const run = vi.fn();
  const stranger = replica(world, store, { now, agent: "another-agent" });
  const refusals = [
    refused(work.runAs(id, { purpose: "something else" }, run)),
    refused(longRunning(stranger.core, stranger.grants).runAs(id, { purpose }, run)),
    refused(work.runAs("no-such-id", { purpose }, run)),
  ];
  for (const { code, message } of await Promise.all(refusals)) {
    expect(code).toBe("long_running_refused");
    expect(message).not.toContain(id);
  }
  const second = await work.start(await signedIn("other", "Bob"), { purpose, until: until(hour) });
  const [one = "", two = ""] = [...store.values.keys()].filter((key) => key.startsWith("long-running:"));
  store.values.set(two, store.values.get(one) ?? "");
  expect((await refused(work.runAs(second, { purpose }, run))).code).toBe("long_running_refused");
  expect(run).not.toHaveBeenCalled();
});

it("lasts a day at most unless configured otherwise, and ends at its time", async () => {
  const context = await signedIn();
  for (const ms of [-1, 25 * hour]) {
    expect((await refused(work.start(context, { purpose, until: until(ms) }))).code).toBe("invalid_option");
  }
  expect((await refused(work.start(context, { purpose: "", until: until(hour) }))).code).toBe(
    "invalid_option",
  );
  const longer = longRunning(agent.core, agent.grants, { maxMs: 48 * hour });
  await longer.start(context, { purpose, until: until(47 * hour) });
  const id = await work.start(context, { purpose, until: until(hour) });
  time += hour;
  expect((await refused(work.runAs(id, { purpose }, () => 1))).code).toBe("long_running_refused");
});

it("tells what runs when its time is over", async () => {
  const id = await work.start(await signedIn(), { purpose, until: until(60) });
  const reason = await work.runAs(id, { purpose }, async ({ signal, context }) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    expect(context.ended).toBe(true);
    return signal.reason as unknown;
  });
  expect(reason).toMatchObject({ code: "long_running_refused" });
});

it("needs a person, who has signed in or brought a token for this agent", async () => {
  const options = { purpose, until: until(hour) };
  expect((await refused(work.start(nobody(), options))).code).toBe("user_not_identified");
  expect((await refused(work.start(platformContext("x", false), options))).code).toBe("user_not_identified");
  expect((await refused(work.start(platformContext("x"), options))).code).toBe("long_running_refused");
  const over = await signedIn();
  over.end();
  expect((await refused(work.start(over, options))).code).toBe("context_ended");
});

it.each<[string, (context: UserContext) => Promise<unknown>]>([
  ["a sign-out", (context) => agent.grants.remove(context.principalKey ?? "")],
  [
    "a sign-out elsewhere and a new sign-in",
    async (context) => {
      await replica(world, store, { now }).grants.remove(context.principalKey ?? "");
      await agent.connect(context.principalKey ?? "", "Ada");
    },
  ],
  ["the account being forgotten", () => agent.grants.removeAccount(accountOf("Ada"))],
  [
    "a revoked session (50173), seen by somebody else's work",
    async (context) => {
      world.entra.policies.add({ type: "revoked", user: "Ada", times: 1 });
      await agent.token(context.principalKey ?? "");
    },
  ],
  [
    "a disabled account (50057)",
    async (context) => {
      world.entra.policies.add({ type: "disabled", user: "Ada", times: 1 });
      await refused(agent.token(context.principalKey ?? ""));
    },
  ],
  ["a store that lost everything", async () => store.values.clear()],
])("ends with %s", async (_what, happen) => {
  const context = await signedIn();
  const id = await work.start(context, { purpose, until: until(hour) });
  await happen(context);
  expect((await refused(work.runAs(id, { purpose }, () => 1))).code).toBe("long_running_refused");
});

it("is told of a sign-out while it runs", async () => {
  const context = await signedIn();
  const id = await work.start(context, { purpose, until: until(hour) });
  await work.runAs(id, { purpose }, async ({ signal, context: running }) => {
    const told = new Promise((resolve) => signal.addEventListener("abort", resolve));
    await agent.grants.remove(context.principalKey ?? "");
    await told;
    expect((await refused(access().token(running))).code).toBe("context_ended");
  });
});

it("can be stopped, also while it runs", async () => {
  const id = await work.start(await signedIn(), { purpose, until: until(hour) });
  await work.runAs(id, { purpose }, async ({ signal }) => {
    const told = new Promise((resolve) => signal.addEventListener("abort", resolve));
    await work.stop(id);
    await told;
  });
  expect((await refused(work.runAs(id, { purpose }, () => 1))).code).toBe("long_running_refused");
});

it("counts what it stores: 4 MiB for one person, and another's work is another's", async () => {
  const [mine, theirs] = ["me", "them"].map((owner) => workList(agent.core, owner)) as [WorkList, WorkList];
  const half = 2 * 1024 * 1024;
  const piece = { bytes: half, at: time, until: time + hour, generation: 1 };
  for (const id of ["a", "b"]) await mine.add({ ...piece, id });
  expect((await refused(mine.add({ ...piece, id: "c", bytes: 1 }))).code).toBe("quota_reached");
  await theirs.add({ ...piece, id: "d" });
  // What ended is not counted.
  time += hour;
  await mine.add({ ...piece, id: "e", until: time + hour });
});

it("that was ended elsewhere makes room when its place is needed, not while it begins", async () => {
  const live = new Set(["b"]);
  const list = workList(agent.core, "me", async (id) => live.has(id));
  const piece = { bytes: 2 * 1024 * 1024, at: time, until: time + hour, generation: 1 };
  for (const id of ["a", "b"]) await list.add({ ...piece, id });
  expect((await refused(list.add({ ...piece, id: "c" }))).code).toBe("quota_reached");
  time += 60_000;
  live.add("c");
  await list.add({ ...piece, id: "c" });
  expect((await refused(list.add({ ...piece, id: "d" }))).code).toBe("quota_reached");
});

it("that comes to nothing takes no room", async () => {
  const context = await signedIn();
  const before = [...store.values.keys()];
  store.before((step) => {
    if (step === "setIfAbsent") throw new Error("down");
  });
  for (let n = 0; n < 3; n += 1)
    expect((await refused(work.start(context, { purpose, until: until(hour) }))).code).toBe(
      "store_unavailable",
    );
  store.before(undefined);
  const list = workList(agent.core, context.principalKey ?? "");
  const generation = await agent.grants.generation(context.principalKey ?? "");
  // All of it is free.
  await list.add({ id: "x", bytes: 4 * 1024 * 1024, at: time, until: time + hour, generation });
  expect(store.values.size).toBeLessThanOrEqual(before.length + 2);
});

it("leaves a trail that names purpose and principal, and never the id", async () => {
  const context = await signedIn();
  const id = await work.start(context, { purpose, until: until(hour) });
  await work.runAs(id, { purpose }, () => 1);
  await work.stop(id);
  const trail = agent.events.filter(({ type }) => type.startsWith("long_running"));
  expect(trail.map(({ type }) => type)).toEqual([
    "long_running_started",
    "long_running_used",
    "long_running_ended",
  ]);
  expect(trail[0]).toMatchObject({ purpose, principal: context.principalKey, until: time + hour });
  expect(JSON.stringify(agent.events)).not.toContain(id);
});

it("has a refresh token of its own when the person only brought a user token", async () => {
  const context = await contextOf(world, "Ada");
  const id = await work.start(context, { purpose, until: until(20 * hour) });
  context.end();
  const contacts = access();
  const ada = world.entra.user("Ada").oid;
  expect(await work.runAs(id, { purpose }, () => oidOf(contacts))).toBe(ada);
  // Long after the user token has expired.
  time += 10 * hour;
  const before = world.refreshes();
  expect(await work.runAs(id, { purpose }, () => oidOf(contacts))).toBe(ada);
  expect(world.refreshes()).toBe(before + 1);

  // It is the work's, not the person's: without a token of their own they still have to sign in.
  expect(await agent.grants.find(context.principalKey ?? "")).toBeUndefined();
  await agent.grants.remove(context.principalKey ?? "");
  expect((await refused(work.runAs(id, { purpose }, () => 1))).code).toBe("long_running_refused");
  expect((await agent.grants.principalsOf(accountOf("Ada"))).length).toBe(0);
});

function accountOf(user: string): { tid: string; oid: string } {
  const { tenantId, oid } = world.entra.user(user);
  return { tid: tenantId, oid };
}
