import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createClient } from "redis";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isHostedAgentIdentityError, type UserContext } from "hosted-agent-identity";
import {
  memoryStore,
  redisStore,
  sqliteStore,
  type Redeemed,
  type SignInStore,
} from "hosted-agent-identity/sign-in";
import type { SignedIn } from "../../src/exchange/authorization-code-exchange.js";
import { redeem, settle } from "../../src/sign-in/binding/redeem.js";
import { grants } from "../../src/sign-in/grants/grants.js";
import { keepPrompt, readMessages } from "../../src/sign-in/binding/prompt.js";
import { phrasesWith } from "../../src/sign-in/binding/answer.js";
import { bindOrWait } from "../../src/sign-in/flow/callback.js";
import { readPin } from "../../src/sign-in/grants/pin.js";
import { linkKeys } from "../../src/sign-in/link/agents.js";
import { makeLink } from "../../src/sign-in/link/make-link.js";
import { openTicket } from "../../src/sign-in/link/ticket.js";
import { longRunning, type LongRunning } from "../../src/sign-in/long-running/long-running.js";
import type { SignInInternals } from "../../src/sign-in/sign-in-internals.js";
import { forgetAccount, signOutOf } from "../../src/sign-in/sign-out.js";
import { guardedStore } from "../../src/sign-in/stores/guarded-store.js";
import { wrappedStore } from "../../src/sign-in/stores/wrapped-store.js";
import { startRedis, type RedisServer } from "../support/redis-server.js";
import { contextWith, platformContext } from "./support/contexts.js";
import { replica } from "./support/replica.js";
import { lookOf } from "../../src/sign-in/pages/layout.js";
import { languagesOf } from "../../src/sign-in/texts/languages.js";
import { signInWorld, type SignInWorld } from "./support/signing-in.js";

/** How one call of the store goes wrong. `late`: it acts after its caller has given up, and perhaps tried again. */
const faults = ["before it acts", "after it acted", "by acting late"] as const;
type Fault = (typeof faults)[number] | "by hanging";

const lateMs = 20;
const guardMs = 200;
const key = new Uint8Array(randomBytes(32));
const { privateKey: signingKey } = generateKeyPairSync("ed25519");
let world: SignInWorld;
let redis: RedisServer;
let folder: string;
let ada: SignedIn;
let adaToken: string;
const stores: Record<string, SignInStore> = {};
let count = 0;

beforeAll(async () => {
  world = await signInWorld();
  redis = await startRedis(["--maxmemory-policy", "noeviction"]);
  folder = await mkdtemp(join(tmpdir(), "store-faults-"));
  stores["memoryStore()"] = memoryStore({ quiet: true });
  stores["sqliteStore()"] = sqliteStore({ path: join(folder, "sign-ins") });
  stores["redisStore()"] = redisStore(createClient({ url: redis.url }));
  for (const store of Object.values(stores)) await store.start?.();
  world.entra.grantConsent({ user: "Ada", client: "agent", resource: "contacts", scopes: ["contacts.read"] });
  ada = await world.signIn(replica(world, stores["memoryStore()"] as SignInStore).app, "Ada");
  adaToken = await world.entra.issueUserToken({ user: "Ada", app: "agent" });
}, 60_000);

afterAll(async () => {
  for (const store of Object.values(stores)) await store.close?.();
  await world?.entra.close();
  await redis?.remove();
  await rm(folder, { recursive: true, force: true });
});

/** One person's sign-in at a service whose store fails once, when it is told to. */
class Scene {
  readonly service: SignInInternals;
  readonly work: LongRunning;
  readonly context: UserContext;
  /** Calls since the store was told to fail. */
  calls = 0;
  failAt: number | undefined;
  code = "";
  link: Parameters<typeof bindOrWait>[1] | undefined;

  constructor(store: SignInStore, fault: Fault, known = false) {
    const failing = wrappedStore(store, async (name, step) => {
      if (this.failAt === undefined || name.startsWith("names:") || this.calls++ !== this.failAt)
        return step(name);
      if (fault === "by hanging") return new Promise<never>(() => undefined);
      if (fault === "by acting late") setTimeout(() => void step(name).catch(() => undefined), lateMs);
      if (fault === "after it acted") await step(name);
      throw new Error("down");
    });
    count += 1;
    // An agent of its own: what one scene does to an account changes no other scene.
    const { core } = replica(world, failing, { keys: [key], agent: `agent ${count}` });
    const guarded = { ...core, store: guardedStore(core.store, fault === "by hanging" ? guardMs : 10_000) };
    const own = grants(guarded);
    this.service = {
      core: guarded,
      linkKeys: linkKeys({
        agentName: core.agent,
        resources: core.resources,
        encryptionKeys: [key],
        signingKey,
      }),
      coreOf: () => guarded,
      grantsOf: () => own,
      answers: phrasesWith(),
      look: lookOf(world.entra.origin),
      languages: languagesOf(),
      onPending: undefined,
      onSignedIn: undefined,
    };
    this.work = longRunning(guarded, own);
    this.context = known ? contextWith(adaToken) : platformContext(`person ${count}`, true, "conversation");
  }

  say(text: string): Promise<Redeemed> {
    return redeem(this.service, this.context, text);
  }

  get owner(): string {
    return this.context.principalKey ?? "";
  }

  /** A link, opened, and a sign-in at Entra behind it. */
  async complete(): Promise<string> {
    const { core, linkKeys: keys } = this.service;
    if (this.link === undefined) {
      const demand = { scopes: world.contacts.scopes, claims: undefined };
      const { link } = await makeLink(this.service, this.context, world.contacts, demand);
      const opened = openTicket(core, keys, new URL(link).searchParams.get("t") ?? "");
      if (opened.status === "bad") throw new Error("the link is bad");
      this.link = opened.ticket;
    }
    const outcome = await bindOrWait(this.service, this.link, undefined, {
      arrived: ada,
      generation: undefined,
    });
    if (outcome.kind === "code" && outcome.code !== undefined) this.code = outcome.code;
    return outcome.kind;
  }

  async upToCode(): Promise<void> {
    await keepPrompt(this.service.core, this.owner, "conversation", "my prompt");
    await this.complete();
  }

  async upToQuestion(): Promise<void> {
    await this.upToCode();
    await this.say(this.code);
  }

  async upToBound(): Promise<void> {
    await this.upToQuestion();
    await this.say("yes");
  }

  async account(): Promise<string | undefined> {
    return (await this.service.grantsOf("").find(this.owner))?.account.oid;
  }

  signOut(): Promise<void> {
    return signOutOf(this.service.core, this.service.grantsOf(""), this.owner);
  }
}

interface Step {
  readonly name: string;
  readonly known?: boolean;
  before(scene: Scene): Promise<unknown>;
  /** What the store fails in; done again until it does not throw. */
  act(scene: Scene): Promise<unknown>;
  /** What has to be true afterwards. */
  after(scene: Scene, result: unknown): Promise<void>;
}

const bound = { status: "bound", prompt: "my prompt" };

/** A cancel that was cut off goes on, and names what it dropped. */
async function expectCancelled(scene: Scene, result: unknown): Promise<void> {
  const named = expect.stringContaining("“my prompt” also waited");
  expect(result).toMatchObject({ status: "refused", reason: "cancelled", say: named });
  expect(await scene.say("yes")).toMatchObject({ status: "refused", reason: "cancelled", say: named });
  expect(await readMessages(scene.service.core, scene.owner, "conversation")).toBeUndefined();
  expect((await scene.say(scene.code)).status).toBe("refused");
  expect(await scene.say("What time is it?")).toEqual({ status: "not_a_code" });
  expect(await scene.say("yes")).toEqual({ status: "not_a_code" });
  expect(await scene.account()).toBeUndefined();
}

const steps: readonly Step[] = [
  {
    name: "the callback of a platform user",
    before: async (scene) => keepPrompt(scene.service.core, scene.owner, "conversation", "my prompt"),
    act: (scene) => scene.complete(),
    async after(scene, result) {
      expect(result).toBe("code");
      expect((await scene.say(scene.code)).status).toBe("confirm");
      expect(await scene.say("yes")).toMatchObject(bound);
    },
  },
  {
    name: "the code",
    before: (scene) => scene.upToCode(),
    act: (scene) => scene.say(scene.code),
    async after(scene, result) {
      expect(result).toMatchObject({ status: "confirm" });
      expect(await scene.say("yes")).toMatchObject(bound);
      expect(await scene.account()).toBe(ada.account.oid);
    },
  },
  {
    name: "the code of a chat that is pinned",
    async before(scene) {
      await scene.upToBound();
      await settle(scene.service, scene.context, "answered");
      await scene.signOut();
      scene.link = undefined;
      await scene.upToCode();
    },
    act: (scene) => scene.say(scene.code),
    async after(scene, result) {
      expect(result).toMatchObject(bound);
      expect(await scene.account()).toBe(ada.account.oid);
    },
  },
  {
    name: "the yes",
    before: (scene) => scene.upToQuestion(),
    act: (scene) => scene.say("yes"),
    async after(scene, result) {
      expect(result).toMatchObject(bound);
      expect(await scene.account()).toBe(ada.account.oid);
      await settle(scene.service, scene.context, "answered");
      expect(await scene.say("yes")).toEqual({ status: "not_a_code" });
    },
  },
  {
    name: "the no",
    before: (scene) => scene.upToQuestion(),
    act: (scene) => scene.say("no"),
    async after(scene, result) {
      expect(result).toMatchObject({ status: "refused", reason: "declined" });
      expect(await scene.account()).toBeUndefined();
    },
  },
  {
    name: "the cancel of a question",
    before: (scene) => scene.upToQuestion(),
    act: (scene) => scene.say("cancel"),
    after: expectCancelled,
  },
  {
    name: "the cancel of a code",
    before: (scene) => scene.upToCode(),
    act: (scene) => scene.say("Never mind."),
    after: expectCancelled,
  },
  {
    name: "nearly a code",
    before: (scene) => scene.upToCode(),
    act: (scene) => scene.say(scene.code.slice(1)),
    async after(scene, result) {
      expect(result).toMatchObject({ status: "nearly_a_code" });
      expect((await scene.say(scene.code)).status).toBe("confirm");
      expect(await scene.say("Yes, please")).toMatchObject(bound);
    },
  },
  {
    name: "another message while the question is open",
    before: (scene) => scene.upToQuestion(),
    act: (scene) => scene.say("What time is it?"),
    async after(scene, result) {
      expect(result).toMatchObject({ status: "confirm" });
      expect(await scene.say("yes")).toMatchObject(bound);
    },
  },
  {
    name: "the last event of a turn that answered, which may not arrive",
    before: (scene) => scene.upToBound(),
    act: (scene) => settle(scene.service, scene.context, "sending"),
    async after(scene) {
      const next = await scene.say("yes");
      expect(next).toMatchObject({ status: "bound", say: expect.stringContaining("If no answer comes") });
      expect(next.status === "bound" ? next.prompt : undefined).toBeUndefined();
      await settle(scene.service, scene.context, "answered");
      expect(await scene.say("yes")).toEqual({ status: "not_a_code" });
    },
  },
  {
    name: "the end of a turn that answered",
    before: (scene) => scene.upToBound(),
    act: (scene) => settle(scene.service, scene.context, "answered"),
    async after(scene) {
      const next = await scene.say("yes");
      // Told that its answer may be lost, where the end could not be written; never given to another turn.
      expect(next.status === "bound" ? next.prompt : undefined).toBeUndefined();
    },
  },
  {
    name: "the end of a turn that failed",
    before: (scene) => scene.upToBound(),
    act: (scene) => settle(scene.service, scene.context, "failed"),
    after: async (scene) => expect(await scene.say("yes")).toMatchObject(bound),
  },
  {
    name: "the yes after a turn that failed",
    async before(scene) {
      await scene.upToBound();
      await settle(scene.service, scene.context, "failed");
    },
    act: (scene) => scene.say("yes"),
    after: async (_scene, result) => expect(result).toMatchObject(bound),
  },
  {
    name: "the callback of a user known by a token",
    known: true,
    before: async () => undefined,
    act: (scene) => scene.complete(),
    async after(scene, result) {
      // A mark that was written too late keeps the link for half a minute, and says so.
      expect(["signed_in", "already_done", "other_tab"]).toContain(result);
      if (result !== "other_tab") expect(await scene.account()).toBe(ada.account.oid);
    },
  },
  {
    name: "a sign-out",
    before: (scene) => scene.upToBound(),
    act: (scene) => scene.signOut(),
    async after(scene) {
      expect(await scene.account()).toBeUndefined();
      expect((await scene.say(scene.code)).status).toBe("refused");
    },
  },
  {
    name: "forgetAccount()",
    before: (scene) => scene.upToBound(),
    act: (scene) => forgetAccount(scene.service, ada.account),
    async after(scene) {
      expect(await scene.account()).toBeUndefined();
      expect(await scene.service.grantsOf("").principalsOf(ada.account)).toEqual([]);
      const { core } = scene.service;
      expect(await readPin(core, scene.owner)).toBeUndefined();
    },
  },
];

/** Does the step until it does not throw, as a user would who is told to try again. Every failure says so. */
async function persistently(step: Step, scene: Scene): Promise<unknown> {
  for (let times = 1; times < 4; times += 1) {
    try {
      return await step.act(scene);
    } catch (cause) {
      if (!isHostedAgentIdentityError(cause) || cause.code !== "store_unavailable") throw cause;
    }
  }
  throw new Error("the step never went well");
}

/** Fails each call of each step in turn, all of them at the same time. */
async function assertEach(store: SignInStore, faultOf: (call: number) => Fault): Promise<void> {
  await Promise.all(
    steps.map(async (step) => {
      const whole = new Scene(store, "before it acts", step.known);
      await step.before(whole);
      whole.failAt = Number.POSITIVE_INFINITY;
      await step.act(whole);
      expect(whole.calls).toBeGreaterThan(1);
      await Promise.all(
        Array.from({ length: whole.calls }, async (_, call) => {
          const fault = faultOf(call);
          const scene = new Scene(store, fault, step.known);
          await step.before(scene);
          scene.failAt = call;
          try {
            const result = await persistently(step, scene);
            scene.failAt = undefined;
            await step.after(scene, result);
          } catch (cause) {
            throw new Error(`${step.name}, call ${call} ${fault}`, { cause });
          }
        }),
      );
    }),
  );
}

/** A different one in each run of the suite, where every fault of every call would take too long. */
const shift = Math.floor(Math.random() * faults.length);
const oneOf = (call: number): Fault => faults[(call + shift) % faults.length] ?? "before it acts";

describe("any one call of a sign-in may fail: the same step, done again, goes well and loses nothing", () => {
  it.each(faults)("in memoryStore(), %s", (fault) => assertEach(memory(), () => fault), 60_000);
  it("in memoryStore(), by hanging", () => assertEach(memory(), () => "by hanging"), 60_000);
  it.each(["sqliteStore()", "redisStore()"])(
    "in %s, in one of these ways",
    (name) => assertEach(stores[name] as SignInStore, oneOf),
    60_000,
  );
});

function memory(): SignInStore {
  return stores["memoryStore()"] as SignInStore;
}
